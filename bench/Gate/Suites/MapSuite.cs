using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Lost;
using PageTableEmu.Bench.Native;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>
/// T6 to T8: 65536 pages mapped and unmapped in order, the tables made by both sides each time. The leaves are equal bit for bit, with accessed and
/// dirty set; what is compared is checked over all of them.
/// </summary>
// Safe: each side has its own memory, which lives as long as the suite.
internal sealed unsafe class MapSuite : IGateSuite
{
    private const int Pages = 1 << 16;
    private const ulong Base = 0x7000_0000_0000;
    private const ulong End = Base + ((ulong)Pages << 12);
    private const ulong Frame = 0x10_0000;
    private static readonly Protection Settled = new(BenchMachine.Writable.Raw | X64Bits.Dirty);
    private static readonly Protection Clean = BenchMachine.Writable;
    private static readonly ulong Leaf = X64Leaf.MakeLeaf(Frame, Settled, 1).Raw;
    private readonly BenchMachine machine = new(16 << 20);
    private readonly NativeBuffer<byte> other = new(4 << 20);

    private PageTable<X64FourLevel, Mainline> Tree => machine.Tree;

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        var otherMap = new Side(() => Baseline.Map(other.Pointer, Base, Leaf, Pages), Pages, ResetOther);
        var otherCas = new Side(() => Baseline.MapCas(other.Pointer, Base, Leaf, Pages), Pages, ResetOther);
        var otherUnmap = new Side(() => Baseline.Unmap(other.Pointer, Base, Pages), Pages, MapOther);
        CheckLeaves();
        rows.Add(Row("T6", "map page by page, LeafWriter", "C map", 1.55, WriterMap, Empty, otherMap) with
        {
            Peers = [("x86_64 map_to", 1.30, 1.15)],
        });
        rows.Add(Row("T6", "map page by page, Map", "C map by CAS", 1.20, MapEach, Empty, otherCas));
        rows.Add(Row("T7", "MapRange", "C map", 0.20, MapRange, Empty, otherMap));
        rows.Add(Row("T8", "unmap page by page, LeafWriter", "C unmap", 1.20, WriterUnmap, MapAll, otherUnmap));
        rows.Add(Row("T8", "unmap page by page, Zap", "C unmap by xchg", 1.15, ZapEach, MapAll,
            new Side(() => Baseline.UnmapXchg(other.Pointer, Base, Pages), Pages, MapOther)));
        rows.Add(Row("T8", "unmap clean pages, Zap", "C unmap by xchg", null, ZapEach, MapClean,
            new Side(() => Baseline.UnmapXchg(other.Pointer, Base, Pages), Pages, MapOther)) with
        { SameResult = true });
        rows.Add(Row("T8", "UnmapRange, tables freed", "C unmap", 0.10, UnmapRange, MapAll, otherUnmap) with
        {
            SameResult = false,
            Peers = [("Ryujinx Unmap", 78, 0.05)],
        });
        var locked = new LockedTable(Tree);
        rows.Add(Row("T6", "one lock for the tree (lost)", "C map by CAS", null, () => MapLocked(locked), Empty, otherCas));
        var objects = new ClassTable();
        rows.Add(new GateRow("T6", "tree of objects (lost)", "C map", null, new Side(() => MapObjects(objects), Pages, objects.Clear), otherMap)
        {
            SameResult = false,
            MayAllocate = true,
        });
        var random = new Dictionary<ulong, ulong>(Pages);
        rows.Add(new GateRow("T6", "Dictionary of pages (lost)", "C map", null, new Side(() => MapDictionary(random), Pages, random.Clear), otherMap)
        {
            SameResult = false,
            MayAllocate = true,
        });
        return rows;
    }

    public void Dispose()
    {
        other.Dispose();
        machine.Dispose();
    }

    private static GateRow Row(string target, string name, string versus, double? goal, Func<ulong> ours, Action prepare, Side other) =>
        new(target, name, versus, goal, new Side(ours, Pages, prepare), other);

    /// <summary>Both sides must leave the same words in their tables.</summary>
    private void CheckLeaves()
    {
        Empty();
        MapEach();
        ResetOther();
        Baseline.MapCas(other.Pointer, Base, Leaf, Pages);
        ulong ours = Baseline.LeafSum((byte*)machine.Image.RamAddress, (ulong)Tree.Root << 12, Base, Pages);
        if (ours != Baseline.LeafSum(other.Pointer, 4096, Base, Pages))
            throw new InvalidOperationException("The two sides map different leaves.");
    }

    private void ResetOther() => Baseline.MapReset(other.Pointer);

    private void MapOther()
    {
        ResetOther();
        Baseline.MapRange(other.Pointer, Base, Leaf, Pages);
    }

    private void Empty()
    {
        Tree.UnmapRange(Base, End, out _).Ignore();
        Tree.FreeEmptyTables(Base, End);
        machine.Folios.Allocator.AdvanceEpoch();
    }

    private void MapAll()
    {
        Empty();
        Tree.MapRange(Base, Frame, Pages, Settled);
    }

    private void MapClean()
    {
        Empty();
        Tree.MapRange(Base, Frame, Pages, Clean);
    }

    private ulong WriterMap()
    {
        ulong failed = 0;
        using var writer = new LeafWriter<X64FourLevel, Mainline>(Tree);
        for (ulong page = 0; page < Pages; page++)
            failed += writer.Map(Base + (page << 12), Frame + page, Settled) == MapStatus.Mapped ? 0UL : 1;
        return failed;
    }

    private ulong WriterUnmap()
    {
        ulong sum = 0;
        using var writer = new LeafWriter<X64FourLevel, Mainline>(Tree);
        for (ulong page = 0; page < Pages; page++)
        {
            if (writer.Unmap(Base + (page << 12), out Pte old) == ChangeStatus.Done)
                sum += old.Raw & X64Bits.FrameMask;
        }

        writer.Finish().Ignore();
        return sum;
    }

    private ulong MapEach()
    {
        PageTable<X64FourLevel, Mainline> tree = Tree;
        ulong failed = 0;
        for (ulong page = 0; page < Pages; page++)
            failed += tree.Map(Base + (page << 12), Frame + page, Settled).IsMapped ? 0UL : 1;
        return failed;
    }

    private ulong ZapEach()
    {
        PageTable<X64FourLevel, Mainline> tree = Tree;
        ulong sum = 0;
        for (ulong page = 0; page < Pages; page++)
        {
            tree.Zap(Base + (page << 12), out ChangeResult result).Ignore();
            if (result.Status == ChangeStatus.Done)
                sum += result.Entry.Raw & X64Bits.FrameMask;
        }

        return sum;
    }

    private ulong MapRange() => Tree.MapRange(Base, Frame, Pages, Settled).IsMapped ? 0UL : 1;

    private ulong UnmapRange()
    {
        Tree.UnmapRange(Base, End, out ChangeResult result).Ignore();
        return result.Pages;
    }

    private static ulong MapLocked(LockedTable locked)
    {
        ulong failed = 0;
        for (ulong page = 0; page < Pages; page++)
            failed += locked.TryMap(Base + (page << 12), Frame + page, Settled) ? 0UL : 1;
        return failed;
    }

    private static ulong MapObjects(ClassTable objects)
    {
        ulong failed = 0;
        for (ulong page = 0; page < Pages; page++)
            failed += objects.TryMap(Base + (page << 12), Frame + page, writable: true) ? 0UL : 1;
        return failed;
    }

    private static ulong MapDictionary(Dictionary<ulong, ulong> pages)
    {
        for (ulong page = 0; page < Pages; page++)
            pages[(Base >> 12) + page] = Frame + page;
        return (ulong)pages.Count;
    }
}
