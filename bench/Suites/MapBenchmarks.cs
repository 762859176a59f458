using BenchmarkDotNet.Attributes;
using PageTableEmu.Bench.Lost;

namespace PageTableEmu.Bench.Suites;

/// <summary>Mapping and unmapping 16384 pages (64 MiB), ns for a page mapped and unmapped again.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("paging")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The benchmark runner calls the GlobalCleanup method, which disposes.")]
public class MapBenchmarks
{
    private const int Pages = 16384;
    private const ulong Base = 0x7000_0000_0000;
    private readonly Dictionary<ulong, ulong> dictionary = [];
    private readonly ClassTable objects = new();
    private BenchMachine machine = null!;

    [GlobalSetup]
    public void Setup() => machine = new BenchMachine(16 << 20);

    [GlobalCleanup]
    public void Cleanup() => machine.Dispose();

    [Benchmark(Baseline = true, OperationsPerInvoke = Pages)]
    public int PageByPage()
    {
        int mapped = 0;
        for (ulong page = 0; page < Pages; page++)
            mapped += machine.Tree.Map(Base + (page << 12), page + 1, BenchMachine.Writable).IsMapped ? 1 : 0;
        for (ulong page = 0; page < Pages; page++)
            machine.Tree.Unmap(Base + (page << 12), out _).Ignore();
        machine.Folios.Allocator.AdvanceEpoch();
        return mapped;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public ulong Range()
    {
        machine.Tree.MapRange(Base, 1, Pages, BenchMachine.Writable);
        machine.Tree.UnmapRange(Base, Base + ((ulong)Pages << 12), out Paging.ChangeResult result).Ignore();
        machine.Folios.Allocator.AdvanceEpoch();
        return result.Pages;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public int UnderOneLock()
    {
        var locked = new LockedTable(machine.Tree);
        int mapped = 0;
        for (ulong page = 0; page < Pages; page++)
            mapped += locked.TryMap(Base + (page << 12), page + 1, BenchMachine.Writable) ? 1 : 0;
        for (ulong page = 0; page < Pages; page++)
            locked.Unmap(Base + (page << 12));
        machine.Folios.Allocator.AdvanceEpoch();
        return mapped;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public int TreeOfObjects()
    {
        int mapped = 0;
        for (ulong page = 0; page < Pages; page++)
            mapped += objects.TryMap(Base + (page << 12), page + 1, writable: true) ? 1 : 0;
        for (ulong page = 0; page < Pages; page++)
            objects.TryUnmap(Base + (page << 12));
        return mapped;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public int DictionaryOfPages()
    {
        for (ulong page = 0; page < Pages; page++)
            dictionary.Add((Base >> 12) + page, page + 1);
        int count = dictionary.Count;
        for (ulong page = 0; page < Pages; page++)
            dictionary.Remove((Base >> 12) + page);
        return count;
    }
}
