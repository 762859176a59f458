using System.Diagnostics;
using PageTableEmu.Arch.X64;
using PageTableEmu.Explore;
using PageTableEmu.Explore.Machines;
using PageTableEmu.Mm;

namespace PageTableEmu.Bench;

/// <summary>
/// Executions of the explorer for each second of processor time, all threads counted: what a busy machine disturbs least. Rounds without and with
/// step oracles take turns; the median counts.
/// </summary>
/// <remarks>
/// The program has two actors and 60 shared accesses or some more, up to three preemptions and no reduction, so that every execution runs to its end
/// and the machine is brought back after each.
/// </remarks>
public static class ExploreRate
{
    private const int Executions = 50_000;
    private const int Rounds = 7;

    /// <summary>Measures and prints.</summary>
    public static void Run(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        using var small = new ExploredMachine<X64FourLevel, ExploredModel>(slots: 1);
        uint space = small.CreateSpace(1);
        small.Poke(space, 0, 1);
        small.Machine.Settle();
        small.Watch(space, 0);
        var program = new ExploredProgram(small.Memory, new Actor("A", () => Hold(small, space)), new Actor("B", () => Hold(small, space)))
        {
            Oracle = small.Pages,
        };
        Measure(program, judgesSteps: true); // compiles, and compiles again what turns out to be hot
        Measure(program, judgesSteps: false);
        var plain = new double[Rounds];
        var judged = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            plain[round] = Measure(program, judgesSteps: false);
            judged[round] = Measure(program, judgesSteps: true);
        }

        int steps = Explorer.Explore(program, new ExplorerOptions { MaxExecutions = 1 }).LongestExecution;
        output.WriteLine(
            $"two actors, {steps} shared accesses, {Executions} executions a round, {Rounds} rounds; executions per second of processor time");
        output.WriteLine(Line("end oracle only", plain));
        output.WriteLine(Line("step oracles", judged));
    }

    private static string Line(string name, double[] rates)
    {
        Array.Sort(rates);
        return $"{name,-16} {rates[Rounds / 2],8:F0}  ({rates[0]:F0} to {rates[^1]:F0})";
    }

    private static double Measure(ExploredProgram program, bool judgesSteps)
    {
        using var process = Process.GetCurrentProcess();
        TimeSpan before = process.TotalProcessorTime;
        ExplorationResult result = Explorer.Check(program, new ExplorerOptions
        {
            Preemptions = 3,
            Reduction = false,
            MaxExecutions = Executions,
            JudgesSteps = judgesSteps,
        });
        process.Refresh();
        return result.Executions / (process.TotalProcessorTime - before).TotalSeconds;
    }

    private static void Hold(ExploredMachine<X64FourLevel, ExploredModel> small, uint space)
    {
        const GupFlags Flags = GupFlags.Get;
        for (int round = 0; round < 2; round++)
            small.Put(small.Take(space, 0, Flags), Flags);
    }
}
