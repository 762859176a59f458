using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Curves;

/// <summary>A tree alone: mapping in order, page by page and by range, and translating at random.</summary>
internal static class TreeCurves
{
    private const ulong Base = 0x7000_0000_0000;
    private const int Least = 10;

    internal static IEnumerable<Curve> Measure(int largest)
    {
        List<CurvePoint> map = [];
        List<CurvePoint> range = [];
        List<CurvePoint> translate = [];
        for (int pass = 0; pass <= CurvesCommand.WarmUps; pass++)
        {
            map.Clear();
            range.Clear();
            translate.Clear();
            CurvesCommand.LetTheJitWork(pass);
            for (int power = Least; power <= (pass < CurvesCommand.WarmUps ? Least + 2 : largest); power += 2)
            {
                long pages = 1L << power;
                using var machine = new BenchMachine((ulong)(16 + (pages >> 16)) << 20);
                PageTable<X64FourLevel, Mainline> tree = machine.Tree;
                ulong end = Base + ((ulong)pages << 12);
                void Clear()
                {
                    tree.UnmapRange(Base, end, out _).Ignore();
                    machine.Folios.Allocator.AdvanceEpoch();
                }

                map.Add(new CurvePoint(pages, CurvesCommand.Best(pages, () => MapEach(tree, pages), Clear)));
                range.Add(new CurvePoint(pages, CurvesCommand.Best(pages, () => tree.MapRange(Base, 1, (ulong)pages, BenchMachine.Writable), Clear)));
                ulong[] addresses = new ulong[1 << 16];
                var random = new Random(1);
                foreach (ref ulong address in addresses.AsSpan())
                    address = Base + ((ulong)random.NextInt64(pages) << 12);
                translate.Add(new CurvePoint(pages, CurvesCommand.Best(addresses.Length, () => TranslateEach(tree, addresses), runs: 5)));
            }
        }

        return
        [
            new Curve("map a page", "page", map),
            new Curve("map a range", "page", range),
            new Curve("translate at random", "address", translate),
        ];
    }

    private static void MapEach(PageTable<X64FourLevel, Mainline> tree, long pages)
    {
        for (ulong page = 0; page < (ulong)pages; page++)
            tree.Map(Base + (page << 12), page + 1, BenchMachine.Writable);
    }

    private static ulong TranslateEach(PageTable<X64FourLevel, Mainline> tree, ulong[] addresses)
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += tree.Translate(address);
        return sum;
    }
}
