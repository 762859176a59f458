using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim;

/// <summary>A full swap area whose slots nobody names any more: their pages were still being written when their process ended.</summary>
public sealed class FullSwapTests
{
    private const uint Slots = 9; // slot 0 is the header

    [Fact]
    public void ReclaimAll_GivesBackWhatOnlyTheCacheHolds()
    {
        using var machine = Machine<X64FourLevel, CheckedModel>.Create(new MachineImageOptions { RamBytes = 4 << 20 });
        machine.SwapOn(Backing.Asynchronous.Area(Slots), out _);
        var counters = new FaultCounters();
        uint process = machine.CreateAddressSpace();
        machine.Map(process, 0x10000, 0x10000, VmaFlags.Read | VmaFlags.Write);
        for (ulong page = 0; page < 16; page++)
            machine.Write(process, 0x10000 + (page << 12), [(byte)(page + 1)], ref counters);
        machine.Advise(process, 0x10000, 0x10000, Advice.PageOut, ref counters);
        Assert.Equal(Slots - 1ul, machine.Context.Swap.TotalInUse);

        machine.Exit(process); // the cache has to keep a folio that is under writeback
        machine.Settle();
        Assert.Equal(Slots - 1ul, machine.Context.Swap.TotalInUse);
        machine.ReclaimAll();
        Assert.Equal(0ul, machine.Context.Swap.TotalInUse);
        Assert.Empty(machine.Verify());
    }
}
