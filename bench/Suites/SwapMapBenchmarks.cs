using System.Collections.Concurrent;
using BenchmarkDotNet.Attributes;
using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Suites;

/// <summary>One more swap reference and one less, ns for the pair, over 1024 slots. The concurrent dictionary is the design that lost.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("swap")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The benchmark runner calls the GlobalCleanup method, which disposes.")]
public class SwapMapBenchmarks
{
    private const int Slots = 1024;
    private readonly SwapEntry[] entries = new SwapEntry[Slots];
    private readonly ConcurrentDictionary<ulong, int> dictionary = [];
    private BenchMachine machine = null!;
    private SwapSpace<Mainline> swap = null!;

    [GlobalSetup]
    public void Setup()
    {
        machine = new BenchMachine(16 << 20);
        swap = new SwapSpace<Mainline>(machine.Image, machine.Folios);
        Require(swap.SwapOn(SwapAreaOptions.Zram(2048), out _));
        for (int i = 0; i < Slots; i++)
        {
            uint frame = machine.Folios.TryAllocate();
            machine.Folios.Table.Lock(frame);
            Require(swap.TryAllocate(frame, out entries[i]));
            Require(swap.TryDuplicate(entries[i]));
            machine.Folios.Table.Unlock(frame);
            dictionary[entries[i].Value] = 1;
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        swap.Dispose();
        machine.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Slots)]
    public SwapResult DuplicateAndPut()
    {
        SwapResult result = default;
        foreach (SwapEntry entry in entries)
        {
            result = swap.TryDuplicate(entry);
            swap.Put(entry);
        }

        return result;
    }

    [Benchmark(OperationsPerInvoke = Slots)]
    public int ConcurrentDictionary()
    {
        int sum = 0;
        foreach (SwapEntry entry in entries)
        {
            sum += dictionary.AddOrUpdate(entry.Value, 1, static (_, count) => count + 1);
            sum += dictionary.AddOrUpdate(entry.Value, 1, static (_, count) => count - 1);
        }

        return sum;
    }

    private static void Require(SwapResult result)
    {
        if (result != default)
            throw new InvalidOperationException(result.ToString());
    }
}
