using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Lost;
using PageTableEmu.Bench.Native;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>Translation at random addresses of a mapped range: T1 to T5, over the same table bytes on both sides.</summary>
// Safe: the C side reads RAM of a machine that lives as long as the suite, through a tree that nobody changes.
internal sealed unsafe class TranslateSuite : IGateSuite
{
    private const ulong Base = 0x7000_0000_0000;
    private readonly string where;
    private readonly int pages;
    private readonly BenchMachine machine;
    private readonly PageTable<X64FourLevel, Mainline> tree;
    private readonly SoftTlb<X64FourLevel, Mainline> tlb;
    private readonly NativeBuffer<ulong> addresses;
    private readonly NativeBuffer<ulong> results;
    private readonly NativeBuffer<ulong> fromOther;
    private readonly byte* ram;
    private readonly void* otherTlb;
    private readonly ClassTable objects = new();

    internal TranslateSuite(int pages, int operations, string where)
    {
        this.where = where;
        this.pages = pages;
        machine = new BenchMachine((ulong)(16 + (pages >> 16)) << 20);
        tree = machine.Tree;
        var writable = new Protection(BenchMachine.Writable.Raw | X64Bits.Dirty); // so that a store sets no bits while it is measured
        if (!tree.MapRange(Base, 0x10000, (ulong)pages, writable).IsMapped)
            throw new InvalidOperationException("RAM is too small for the tables.");
        tlb = new SoftTlb<X64FourLevel, Mainline>(tree);
        ram = (byte*)machine.Image.RamAddress;
        otherTlb = Baseline.TlbNew();
        addresses = new NativeBuffer<ulong>(operations + 1);
        results = new NativeBuffer<ulong>(operations);
        fromOther = new NativeBuffer<ulong>(operations);
        var random = new Random(1);
        for (ulong page = 0; pages <= 1 << 20 && page < (ulong)pages; page++)
            objects.TryMap(Base + (page << 12), 0x10000 + page, writable: true);
        foreach (ref ulong address in addresses.Span)
            address = Base + ((ulong)random.Next(pages) << 12) + 8;
    }

    private ulong Root => (ulong)tree.Root << 12;

    private int Operations => results.Length;

    private Span<ulong> Addresses => addresses.Span[..Operations];

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        Side walk = Side(() => Baseline.Translate(ram, Root, addresses.Pointer, Operations));
        bool hot = pages == 512;
        bool huge = pages > 1 << 20;
        if (hot)
        {
            rows.Add(Row("T1", "TLB hit, per call", 0.70, Side(TlbEach), walk) with
            {
                Peers = [("x86_64 OffsetPageTable", 1.44, 0.45), ("Ryujinx PageTable.Read", 0.73, 0.85)],
            });
            rows.Add(Row("T1", "TLB hit, in bulk", 0.40, Side(TlbMany), walk));
            rows.Add(new GateRow("T1", "TLB hit, in bulk", "C TLB", null, Side(TlbMany),
                Side(() => Baseline.Tlb(otherTlb, ram, Root, addresses.Pointer, Operations))));
        }

        if (!huge)
        {
            rows.Add(Row("T2", $"walk, {where}", hot ? 1.25 : 1.35, Side(Each), walk) with
            {
                Peers =
                [
                    ("x86_64 OffsetPageTable", hot ? 1.44 : 1.53, 0.90),
                    ("page_table_multiarch query", hot ? 0.92 : 1.05, hot ? 1.35 : 1.30),
                ],
            });
            rows.Add(Row("T3", $"access that stores, {where}", 1.10, Side(AccessEach),
                Side(() => Baseline.TranslateFull(ram, Root, addresses.Pointer, Operations))) with
            { Versus = "C full walk" });
        }

        rows.Add(Row("T4", $"dependent walk, {where}", hot ? 1.15 : 1.10, Side(EachDependent),
            Side(() => Baseline.TranslateDependent(ram, Root, addresses.Pointer, Operations))) with
        { Versus = "C dependent walk" });
        if (hot)
        {
            rows.Add(new GateRow("T4", $"dependent TLB hit, {where}", "C dependent walk", 1.00, Side(TlbEachDependent),
                Side(() => Baseline.TranslateDependent(ram, Root, addresses.Pointer, Operations))));
        }

        rows.Add(Row(huge ? "T5b" : "T5", $"TranslateMany, {where}", hot ? null : huge ? 0.60 : 1.30, Side(Many), walk) with
        {
            Peers = hot ? [] : [("x86_64 OffsetPageTable", huge ? 1.57 : 1.53, huge ? 0.40 : 0.85)],
        });
        rows.Add(new GateRow(huge ? "T5b" : "T5", $"TranslateMany, {where}", "C batch", null, Side(Many),
            Side(() => Baseline.TranslateBatch(ram, Root, addresses.Pointer, fromOther.Pointer, Operations))));
        rows.Add(Row("T2", $"loop over levels (lost), {where}", null, Side(LoopEach), walk));
        if (!huge)
            rows.Add(Row("T2", $"tree of objects (lost), {where}", null, Side(ObjectEach), walk));
        return rows;
    }

    public void Dispose()
    {
        Baseline.TlbFree(otherTlb);
        addresses.Dispose();
        results.Dispose();
        fromOther.Dispose();
        machine.Dispose();
    }

    private GateRow Row(string target, string name, double? goal, Side ours, Side walk) => new(target, name, "C walk", goal, ours, walk);

    private Side Side(Func<ulong> run) => new(run, Operations);

    private ulong Each()
    {
        PageTable<X64FourLevel, Mainline> table = tree;
        ulong sum = 0;
        foreach (ulong address in Addresses)
        {
            if (table.TryTranslate(address, out ulong physical))
                sum += physical;
        }

        return sum;
    }

    private ulong EachDependent()
    {
        PageTable<X64FourLevel, Mainline> table = tree;
        ulong* at = addresses.Pointer;
        ulong sum = 0;
        ulong physical = 0;
        for (int i = 0; i < Operations; i++)
        {
            physical = table.Translate(at[(ulong)i + (physical >> 60)]);
            sum += physical;
        }

        return sum;
    }

    private ulong TlbEachDependent()
    {
        SoftTlb<X64FourLevel, Mainline> cache = tlb;
        ulong* at = addresses.Pointer;
        ulong sum = 0;
        ulong physical = 0;
        for (int i = 0; i < Operations; i++)
        {
            physical = cache.Translate(at[(ulong)i + (physical >> 60)], AccessKind.Read);
            sum += physical;
        }

        return sum;
    }

    private ulong TlbEach()
    {
        SoftTlb<X64FourLevel, Mainline> cache = tlb;
        ulong sum = 0;
        foreach (ulong address in Addresses)
        {
            ulong physical = cache.Translate(address, AccessKind.Read);
            if (physical != PageTable<X64FourLevel, Mainline>.NotMapped)
                sum += physical;
        }

        return sum;
    }

    private ulong TlbMany()
    {
        tlb.TranslateMany(Addresses, AccessKind.Read, results.Span);
        return Sum(results.Span);
    }

    private ulong Many()
    {
        tree.TranslateMany(Addresses, results.Span);
        return Sum(results.Span);
    }

    private ulong AccessEach()
    {
        PageTable<X64FourLevel, Mainline> table = tree;
        ulong sum = 0;
        foreach (ulong address in Addresses)
        {
            AccessResult result = table.Access(address, AccessKind.Write);
            if (result.IsAllowed)
                sum += result.PhysicalAddress;
        }

        return sum;
    }

    private ulong LoopEach()
    {
        ulong sum = 0;
        foreach (ulong address in Addresses)
            sum += LevelLoop<X64FourLevel>.Translate(tree, address);
        return sum;
    }

    private ulong ObjectEach()
    {
        ulong sum = 0;
        foreach (ulong address in Addresses)
            sum += objects.Translate(address);
        return sum;
    }

    private static ulong Sum(ReadOnlySpan<ulong> values)
    {
        var sums = System.Runtime.Intrinsics.Vector512<ulong>.Zero;
        int i = 0;
        for (; i <= values.Length - 8; i += 8)
            sums += System.Runtime.Intrinsics.Vector512.Create(values[i..]);
        ulong sum = System.Runtime.Intrinsics.Vector512.Sum(sums);
        for (; i < values.Length; i++)
            sum += values[i];
        return sum;
    }
}
