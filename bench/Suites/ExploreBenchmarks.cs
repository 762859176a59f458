using BenchmarkDotNet.Attributes;
using PageTableEmu.Arch.X64;
using PageTableEmu.Explore;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Bench.Suites;

/// <summary>
/// Executions of the explorer, time for one: two actors of some 30 shared accesses each, with up to three preemptions and no reduction, so that every
/// execution is run to its end. The machine is brought back before each of them.
/// </summary>
[MemoryDiagnoser]
[BenchmarkCategory("explorer")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "The benchmark runner calls the GlobalCleanup method, which disposes.")]
public class ExploreBenchmarks
{
    private const int Executions = 20_000;
    private ExploredMachine<X64FourLevel, ExploredModel> small = null!;
    private ExploredProgram program = null!;

    [GlobalSetup]
    public void Setup()
    {
        small = new ExploredMachine<X64FourLevel, ExploredModel>(slots: 1);
        uint space = small.CreateSpace(1);
        small.Poke(space, 0, 1);
        small.Machine.Settle();
        small.Watch(space, 0);
        program = new ExploredProgram(small.Memory, new Actor("A", () => Hold(space)), new Actor("B", () => Hold(space)))
        {
            Oracle = small.Pages,
        };
    }

    [GlobalCleanup]
    public void Cleanup() => small.Dispose();

    [Benchmark(Baseline = true, OperationsPerInvoke = Executions)]
    public long EndOracleOnly() => Run(judgesSteps: false);

    [Benchmark(OperationsPerInvoke = Executions)]
    public long StepOracles() => Run(judgesSteps: true);

    /// <summary>Accesses of one execution, for the report.</summary>
    public int StepsOfAnExecution() => Explorer.Explore(program, new ExplorerOptions { MaxExecutions = 1 }).LongestExecution;

    private long Run(bool judgesSteps)
    {
        ExplorationResult result = Explorer.Check(program, new ExplorerOptions
        {
            Preemptions = 3,
            Reduction = false,
            MaxExecutions = Executions,
            JudgesSteps = judgesSteps,
        });
        return result.Executions == Executions
            ? result.Steps
            : throw new InvalidOperationException($"The search ended after {result.Executions} executions; {Executions} are measured.");
    }

    private void Hold(uint space)
    {
        const GupFlags Flags = GupFlags.Get;
        for (int round = 0; round < 2; round++)
            small.Put(small.Take(space, 0, Flags), Flags);
    }
}
