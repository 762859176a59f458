using BenchmarkDotNet.Attributes;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Suites;

/// <summary>Scans of 65536 entries, ns for an entry; a third each are accessed, in swap, and neither. Looking at each one is the baseline.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("paging")]
public class ScanBenchmarks
{
    private const int Entries = 1 << 16;
    private readonly ulong[] words = new ulong[Entries];
    private readonly ulong[] again = new ulong[Entries];
    private readonly ulong[] bitmap = new ulong[Entries / 64];
    private readonly uint[] places = new uint[Entries + 8];

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        foreach (ref ulong word in words.AsSpan())
        {
            ulong leaf = X64Leaf.MakeLeaf((ulong)random.NextInt64(1L << 34), BenchMachine.Writable, 1).Raw;
            word = random.Next(3) switch
            {
                0 => leaf,
                1 => X64Swap.Encode(1, (ulong)random.NextInt64(1L << 30)).Raw,
                _ => leaf & ~X64Bits.Accessed,
            };
        }
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Entries)]
    public int CountYoungOneByOne()
    {
        int young = 0;
        foreach (ulong word in words)
            young += (word & (X64Bits.Present | X64Bits.Accessed)) == (X64Bits.Present | X64Bits.Accessed) ? 1 : 0;
        return young;
    }

    [Benchmark(OperationsPerInvoke = Entries)]
    public int CountYoung() => EntryScan<X64FourLevel>.Count(words, EntryKind.Young);

    [Benchmark(OperationsPerInvoke = Entries)]
    public ulong BitmapOfYoung()
    {
        EntryScan<X64FourLevel>.Mark(words, EntryKind.Young, bitmap);
        return bitmap[0];
    }

    [Benchmark(OperationsPerInvoke = Entries)]
    public int ListOfSwapEntries() => EntryScan<X64FourLevel>.List(words, EntryKind.NonPresent, places);

    [Benchmark(OperationsPerInvoke = Entries)]
    public int ClearYoung()
    {
        words.CopyTo(again, 0);
        return (int)EntryScan<X64FourLevel>.ClearYoung<Mainline>(again);
    }
}
