using BenchmarkDotNet.Attributes;
using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench.Suites;

/// <summary>What happens to the pages of a process in a whole machine, ns for a page: faults, fork, copies on write, swapping out and in.</summary>
[MemoryDiagnoser]
[BenchmarkCategory("mm")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The benchmark runner calls the GlobalCleanup method, which disposes.")]
public class ProcessBenchmarks
{
    private const int Pages = 2048;
    private const ulong Base = 0x7000_0000_0000;
    private const ulong Length = (ulong)Pages << 12;
    private readonly byte[] content = [1];
    private Machine<X64FourLevel> machine = null!;
    private uint space;
    private FaultCounters counters;

    [GlobalSetup]
    public void Setup()
    {
        machine = Machine<X64FourLevel>.Create(new MachineImageOptions { RamBytes = 64 << 20, SwapSlots = 1 << 14, SwapStoreSlots = 1 << 14 });
        machine.SwapOn(SwapAreaOptions.Zram(1 << 13), out _);
        space = machine.CreateAddressSpace();
        machine.Map(space, Base, Length, VmaFlags.Read | VmaFlags.Write);
        Touch(space);
    }

    [GlobalCleanup]
    public void Cleanup() => machine.Dispose();

    /// <summary>Each page is there and writable: what the access itself costs.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Pages)]
    public int StoreToPagesThatAreThere() => Touch(space);

    [Benchmark(OperationsPerInvoke = Pages)]
    public int TouchNewPages()
    {
        uint other = machine.CreateAddressSpace();
        machine.Map(other, Base, Length, VmaFlags.Read | VmaFlags.Write);
        int done = Touch(other);
        machine.Exit(other);
        return done;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public uint ForkAndExit()
    {
        uint child = machine.Fork(space);
        machine.Exit(child);
        return child;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public int ForkAndCopyOnWrite()
    {
        uint child = machine.Fork(space);
        int done = Touch(child);
        machine.Exit(child);
        return done;
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public int SwapOutAndIn()
    {
        machine.Advise(space, Base, Length, Advice.PageOut, ref counters);
        int done = Touch(space);
        machine.Settle();
        return done;
    }

    private int Touch(uint of)
    {
        int done = 0;
        for (ulong at = Base; at < Base + Length; at += 4096)
            done += machine.Write(of, at, content, ref counters) == UserAccessResult.Ok ? 1 : 0;
        return done;
    }
}
