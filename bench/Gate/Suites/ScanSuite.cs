using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Native;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Gate.Suites;

/// <summary>T14 and T15: scans of entries of which 30 % are accessed and 30 % away, in random order.</summary>
// Safe: both sides work on buffers that live as long as the suite.
internal sealed unsafe class ScanSuite : IGateSuite
{
    private const int Large = 1 << 16;
    private readonly NativeBuffer<ulong> words = new(Large);
    private readonly NativeBuffer<ulong> again = new(Large);
    private readonly NativeBuffer<uint> places = new(Large + 8);
    private readonly NativeBuffer<ulong> bitmap = new(Large / 64);

    public ScanSuite()
    {
        var random = new Random(1);
        foreach (ref ulong word in words.Span)
        {
            double kind = random.NextDouble();
            ulong leaf = X64Leaf.MakeLeaf((ulong)random.NextInt64(1L << 34), BenchMachine.Writable, 1).Raw;
            word = kind < 0.3 ? leaf : kind < 0.6 ? X64Swap.Encode(1, (ulong)random.NextInt64(1L << 30)).Raw
                : kind < 0.8 ? leaf & ~X64Bits.Accessed : 0;
        }
    }

    public IEnumerable<GateRow> Rows()
    {
        List<GateRow> rows = [];
        foreach (int count in new[] { 512, Large })
        {
            int n = count;
            Side counted = new(() => Vectors(() => Baseline.CountAccessed(words.Pointer, n)), n);
            rows.Add(Row("T14", $"count young, {n} entries", "C AVX-512", 0.95,
                new(() => (ulong)EntryScan<X64FourLevel>.Count(words.Span[..n], EntryKind.Young), n), counted));
            rows.Add(Row("T14", $"bitmap of young, {n} entries", "C AVX-512 count", 0.85, new(() => Mark(n), n), counted) with
            {
                SameResult = false,
            });
            rows.Add(Row("T14", $"list of swap entries, {n} entries", "C compress-store", 0.90,
                new(() => (ulong)EntryScan<X64FourLevel>.List(words.Span[..n], EntryKind.NonPresent, places.Span), n),
                new(() => Vectors(() => Baseline.ListSwap(words.Pointer, n, places.Pointer)), n)));
            Action refill = () => words.Span[..n].CopyTo(again.Span);
            rows.Add(new GateRow("T15", $"clear accessed, {n} entries", "C lock and", 1.20,
                new Side(() => (ulong)EntryScan<X64FourLevel>.ClearYoung<Mainline>(again.Span[..n]), n, refill),
                new Side(() => Baseline.ClearAccessed(again.Pointer, n), n, refill)));
        }
        return rows;
    }

    public void Dispose()
    {
        words.Dispose();
        again.Dispose();
        places.Dispose();
        bitmap.Dispose();
    }

    private static GateRow Row(string target, string name, string versus, double goal, Side ours, Side other) =>
        new(target, name, versus, Baseline.Vectors() == 2 ? goal : null, ours, other) { IsSpeed = true };

    private static ulong Vectors(Func<ulong> run) => Baseline.Vectors() == 2 ? run() : 0;

    private ulong Mark(int count)
    {
        EntryScan<X64FourLevel>.Mark(words.Span[..count], EntryKind.Young, bitmap.Span);
        return bitmap.Span[0];
    }
}
