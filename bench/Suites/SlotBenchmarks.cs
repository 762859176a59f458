using BenchmarkDotNet.Attributes;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Suites;

/// <summary>Slots reserved and given back in an area of 2^18 of which a part is taken at random, ns for a slot.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("swap")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The benchmark runner calls the GlobalCleanup method, which disposes.")]
public class SlotBenchmarks
{
    private const int Slots = 1 << 18;
    private const int Taken = 1024;
    private readonly SwapEntry[] entries = new SwapEntry[Taken];
    private MachineImage image = null!;
    private SwapSpace<Mainline> swap = null!;

    /// <summary>Percentage of slots that have owners.</summary>
    [Params(0, 50, 99)]
    public int Full { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        image = MachineImage.CreatePrivate(new MachineImageOptions { RamBytes = 16 << 20, SwapSlots = Slots + 512, SwapStoreSlots = Slots + 512 });
        swap = new SwapSpace<Mainline>(image, new Folios<Mainline>(image));
        swap.SwapOn(SwapAreaOptions.Zram(Slots), out uint type);
        var random = new Random(1);
        for (uint slot = 1; slot < Slots; slot++)
            swap.TryReserve(out _);
        for (uint slot = 1; slot < Slots; slot++)
        {
            if (random.Next(100) >= Full)
                swap.UnpinSlot(new SwapEntry(type, slot));
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        swap.Dispose();
        image.Dispose();
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Taken)]
    public int ReserveOneByOne()
    {
        int done = 0;
        for (int i = 0; i < Taken; i++)
            done += swap.TryReserve(out entries[i]) == SwapResult.Ok ? 1 : 0;
        return GiveBack(done);
    }

    [Benchmark(OperationsPerInvoke = Taken)]
    public int ReserveMany()
    {
        int done = 0;
        for (int i = 0; i < Taken; i += 64)
            done += swap.TryReserve(entries.AsSpan(i, 64));
        return GiveBack(done);
    }

    private int GiveBack(int done)
    {
        foreach (SwapEntry entry in entries)
            swap.UnpinSlot(entry);
        return done;
    }
}
