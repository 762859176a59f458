using PageTableEmu.Arch.Sparc;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Native;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T2s: walks of sparc64 tables, big-endian in RAM for both sides.</summary>
// Safe: the C side reads RAM of a machine that lives as long as the suite, through a tree that nobody changes.
internal sealed unsafe class SparcTranslateSuite : IGateSuite
{
    private const ulong Base = 0x10_0000_0000;
    private const int Operations = 4096;
    private readonly MachineImage image;
    private readonly PageTable<Sun4v, Mainline> tree;
    private readonly NativeBuffer<ulong> addresses = new(Operations);
    private readonly NativeBuffer<ulong> results = new(Operations);
    private readonly byte* ram;

    public SparcTranslateSuite()
    {
        image = MachineImage.CreatePrivate(new MachineImageOptions { RamBytes = 64 << 20, PageShift = 13, HugeShift = 23, SwapClusterSlots = 256 });
        var folios = new Folios<Mainline>(image);
        tree = PageTable<Sun4v, Mainline>.TryCreate(new PageTables<Sun4v, Mainline>(image, folios))
            ?? throw new InvalidOperationException("RAM is too small for a root table.");
        if (!tree.MapRange(Base, 0x10000, 1 << 17, Of<Sun4v>()).IsMapped)
            throw new InvalidOperationException("RAM is too small for the tables.");
        ram = (byte*)image.RamAddress;
    }

    public IEnumerable<GateRow> Rows()
    {
        Fill(512);
        yield return Row("hot 512 pages", 1.40, Each);
        yield return Row("in bulk, hot 512 pages", null, Many);
        Fill(1 << 17);
        yield return Row("1 GiB", 1.40, Each);
    }

    public void Dispose()
    {
        addresses.Dispose();
        results.Dispose();
        image.Dispose();
    }

    private static Protection Of<TArch>()
        where TArch : struct, IArchitecture => TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);

    private GateRow Row(string where, double? goal, Func<ulong> ours) => new("T2s", $"sparc64 walk, {where}", "C sparc64 walk", goal,
        new Side(ours, Operations), new Side(() => Baseline.SparcTranslate(ram, (ulong)tree.Root << 13, addresses.Pointer, Operations), Operations));

    private void Fill(int pages)
    {
        var random = new Random(1);
        foreach (ref ulong address in addresses.Span)
            address = Base + ((ulong)random.Next(pages) << 13) + 8;
    }

    private ulong Each()
    {
        PageTable<Sun4v, Mainline> table = tree;
        ulong sum = 0;
        foreach (ulong address in addresses.Span)
            sum += table.Translate(address);
        return sum;
    }

    private ulong Many()
    {
        tree.TranslateMany(addresses.Span, results.Span);
        ulong sum = 0;
        foreach (ulong physical in results.Span)
            sum += physical;
        return sum;
    }
}
