using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace PageTableEmu.Replay.Running;

/// <summary>How fast machines perform the operations of traces when nobody looks at them: the sums of one kind of operation.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Operations">How many there were; those of processes that do not live count too.</param>
/// <param name="Time">What they took together, machines made and ended not included.</param>
/// <example>
/// <code>
/// using PageTableEmu.Replay;
///
/// string[] folders = { "tests/data/traces" };
/// foreach (string path in folders.Where(Directory.Exists).SelectMany(folder =&gt; ReplayRunner.FindTraces(new[] { folder })).Take(1))
/// {
///     foreach (ReplayRate rate in ReplayRate.Measure(new ReplayMachines(), new[] { TraceReader.Read(path) }, rounds: 3))
///         Console.WriteLine($"{rate.Kind}: {rate.Operations / rate.Time.TotalSeconds:f0} in a second");
/// }
/// </code>
/// </example>
public sealed record ReplayRate(OperationKind Kind, long Operations, TimeSpan Time)
{
    /// <summary>Performs all traces so many times, on one thread, each on a machine of its own, and tells of the last time.</summary>
    /// <param name="machines">Makes the machines.</param>
    /// <param name="traces">The traces; one without a header has no script and is left out.</param>
    /// <param name="rounds">At least 1. Code is compiled while it runs: the first rounds are slow.</param>
    /// <returns>The kinds that occurred, the one that took longest first.</returns>
    /// <exception cref="ScriptException">A script is wrong.</exception>
    public static IReadOnlyList<ReplayRate> Measure(IReplayMachineFactory machines, IReadOnlyList<Trace> traces, int rounds)
    {
        ArgumentNullException.ThrowIfNull(machines);
        ArgumentNullException.ThrowIfNull(traces);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        (Backend Backend, IReadOnlyList<ScriptOperation> Script)[] scripts =
            [.. traces.Select(trace => trace.Header).OfType<TraceHeader>().Select(header => (header.Backend, ScriptParser.Parse(header.Script)))];
        var sums = new SortedDictionary<OperationKind, (long Operations, long Ticks)>();
        for (int round = 0; round < rounds; round++)
        {
            sums.Clear();
            foreach ((Backend backend, IReadOnlyList<ScriptOperation> script) in scripts)
                Perform(machines, backend, script, sums);
        }

        return
        [
            .. sums
                .Select(sum => new ReplayRate(sum.Key, sum.Value.Operations, Stopwatch.GetElapsedTime(0, sum.Value.Ticks)))
                .OrderByDescending(rate => rate.Time),
        ];
    }

    private static void Perform(
        IReplayMachineFactory machines, Backend backend, IReadOnlyList<ScriptOperation> script,
        SortedDictionary<OperationKind, (long Operations, long Ticks)> sums)
    {
        using IReplayMachine machine = machines.Create(backend, script);
        ReplaySession session = new(machine);
        long before = Stopwatch.GetTimestamp();
        foreach (ScriptOperation operation in script)
        {
            session.Perform(operation);
            long after = Stopwatch.GetTimestamp();
            (long operations, long ticks) = sums.GetValueOrDefault(operation.Kind);
            sums[operation.Kind] = (operations + 1, ticks + after - before);
            before = Stopwatch.GetTimestamp();
        }
    }
}
