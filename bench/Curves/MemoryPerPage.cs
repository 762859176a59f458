using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Curves;

/// <summary>What a mapped page needs beside its 4096 bytes, and what remains of it in memory when it is in swap.</summary>
internal static class MemoryPerPage
{
    private const ulong Base = 0x7000_0000_0000;

    internal static IEnumerable<KeyValuePair<string, double>> Of(long pages)
    {
        uint slots = (uint)pages + 1024;
        using Machine<X64FourLevel> machine = Machine<X64FourLevel>.Create(new MachineImageOptions
        {
            RamBytes = ((ulong)pages << 12) + (64 << 20),
            SwapSlots = slots,
            SwapStoreSlots = slots,
            KsmItems = 1024,
        });
        machine.SwapOn(SwapAreaOptions.Zram(slots), out _);
        uint free = machine.Context.Folios.Allocator.FreeCount;
        uint space = machine.CreateAddressSpace();
        ulong length = (ulong)pages << 12;
        machine.Map(space, Base, length, VmaFlags.Read | VmaFlags.Write);
        FaultCounters counters = default;
        for (ulong at = Base; at < Base + length; at += 4096)
            machine.Write(space, at, [1], ref counters);
        double tables = (free - machine.Context.Folios.Allocator.FreeCount - pages) * 4096.0 / pages;
        double record = machine.Image.Stride(MetadataRegion.Frames);
        double slot = machine.Image.Stride(MetadataRegion.SwapSlots)
            + ((double)machine.Image.Stride(MetadataRegion.SwapClusters) / machine.Image.Options.SwapClusterSlots);
        yield return new("page tables", tables);
        yield return new("frame record", record);
        yield return new("all of a page in memory", tables + record);
        yield return new("slot word and share of its cluster", slot);
        yield return new("all of a page in swap", tables + slot);
    }
}
