using BenchmarkDotNet.Attributes;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Suites;

/// <summary>Swap PTEs in bulk and one by one, ns each. Copying the words is the limit that a bulk codec can reach.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("codec")]
public class SwapPteBenchmarks
{
    private const int Words = 32768; // 256 KiB: the second-level cache
    private readonly ulong[] words = new ulong[Words];
    private readonly ulong[] entries = new ulong[Words];
    private readonly ulong[] target = new ulong[Words];

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        for (int i = 0; i < Words; i++)
            entries[i] = new SwapEntry((uint)random.Next(4), (ulong)random.NextInt64(1L << 40)).Value;
        SwapCodec<X64FourLevel>.Encode(entries, words);
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Words)]
    public ulong Copy()
    {
        words.AsSpan().CopyTo(target);
        return target[^1];
    }

    [Benchmark(OperationsPerInvoke = Words)]
    public ulong DecodeBulk()
    {
        SwapCodec<X64FourLevel>.Decode(words, target);
        return target[^1];
    }

    [Benchmark(OperationsPerInvoke = Words)]
    public ulong EncodeBulk()
    {
        SwapCodec<X64FourLevel>.Encode(entries, target);
        return target[^1];
    }

    [Benchmark(OperationsPerInvoke = Words)]
    public ulong DecodeOneByOne() => OneByOne<X64FourLevel>.Decode(words);

    [Benchmark(OperationsPerInvoke = Words)]
    public ulong EncodeOneByOne() => OneByOne<X64FourLevel>.Encode(entries);
}
