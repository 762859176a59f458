using BenchmarkDotNet.Attributes;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Bench.Lost;
using PageTableEmu.Paging;

namespace PageTableEmu.Bench.Suites;

/// <summary>Translations at random addresses of a mapped range, ns each. Dictionary and level loop are the designs that lost.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("paging")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The benchmark runner calls the GlobalCleanup method, which disposes.")]
public class TranslateBenchmarks
{
    private const int Operations = 4096;
    private const ulong Base = 0x7000_0000_0000;
    private readonly ulong[] addresses = new ulong[Operations];
    private readonly ulong[] results = new ulong[Operations];
    private readonly Dictionary<ulong, ulong> dictionary = [];
    private readonly ClassTable objects = new();
    private BenchMachine machine = null!;
    private SoftTlb<X64FourLevel, Mainline> tlb = null!;

    /// <summary>512 pages are hot in every cache; 262144 are 1 GiB.</summary>
    [Params(512, 262144)]
    public int Pages { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        machine = new BenchMachine(16 << 20);
        if (!machine.Tree.MapRange(Base, 0x10000, (ulong)Pages, BenchMachine.Writable).IsMapped)
            throw new InvalidOperationException("RAM is too small for the tables.");
        var random = new Random(1);
        for (int i = 0; i < Operations; i++)
            addresses[i] = Base + ((ulong)random.Next(Pages) << 12) + 8;
        for (ulong page = 0; page < (ulong)Pages; page++)
        {
            dictionary[(Base >> 12) + page] = 0x10000 + page;
            objects.TryMap(Base + (page << 12), 0x10000 + page, writable: true);
        }

        tlb = new SoftTlb<X64FourLevel, Mainline>(machine.Tree);
    }

    [GlobalCleanup]
    public void Cleanup() => machine.Dispose();

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public ulong Translate()
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += machine.Tree.Translate(address);
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public int TranslateMany() => machine.Tree.TranslateMany(addresses, results);

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong AccessForReading()
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += machine.Tree.Access(address, AccessKind.Read).PhysicalAddress;
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong TranslateByTlb()
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += tlb.Translate(address, AccessKind.Read);
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong TreeOfObjects()
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += objects.Translate(address);
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong LoopOverLevels()
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += LevelLoop<X64FourLevel>.Translate(machine.Tree, address);
        return sum;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong DictionaryOfPages()
    {
        ulong sum = 0;
        foreach (ulong address in addresses)
            sum += (dictionary[address >> 12] << 12) | (address & 0xfff);
        return sum;
    }
}
