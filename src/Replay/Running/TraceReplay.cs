using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Running;

/// <summary>Replays traces, each on a machine of its own, and compares row by row until the first difference.</summary>
/// <param name="machines">Makes the machines.</param>
/// <param name="verify">Whether the machine's invariants are checked after every operation.</param>
/// <example>
/// <code>
/// using PageTableEmu.Replay;
///
/// string[] folders = { "tests/data/traces" };
/// foreach (string path in folders.Where(Directory.Exists).SelectMany(folder =&gt; ReplayRunner.FindTraces(new[] { folder })))
/// {
///     TraceResult result = new TraceReplay(new ReplayMachines(), verify: true).Replay(path);
///     Console.WriteLine($"{result.Path}: {result.Verdict} {result.Difference}");
/// }
/// </code>
/// </example>
public sealed class TraceReplay(IReplayMachineFactory machines, bool verify)
{
    /// <summary>Replays a file. Nothing that is wrong with the file or the machine is thrown: it is the result.</summary>
    public TraceResult Replay(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            return Replay(path, TraceReader.Read(path));
        }
        catch (Exception e) when (e is TraceFormatException or IOException or UnauthorizedAccessException)
        {
            return new TraceResult { Path = path, Verdict = TraceVerdict.InputError, Message = e.Message };
        }
    }

    /// <summary>Replays a trace that was read.</summary>
    /// <param name="name">Its name in the result.</param>
    /// <param name="trace">The trace.</param>
    public TraceResult Replay(string name, Trace trace)
    {
        ArgumentNullException.ThrowIfNull(trace);
        TraceResult result = new() { Path = name, Header = trace.Header };
        if (trace.Header is null)
            return result with { Verdict = TraceVerdict.InputError, Message = "the trace has no header, so no script to replay" };
        int done = 0;
        try
        {
            return Compare(trace, trace.Header, result, ref done);
        }
        catch (ScriptException e)
        {
            return result with { Verdict = TraceVerdict.InputError, Message = e.Message };
        }
#pragma warning disable CA1031 // A machine that throws is a finding about that machine and that trace; the other traces go on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            string operation = done < trace.Rows.Count ? $" in n={trace.Rows[done].Number} '{trace.Rows[done].Operation}'" : string.Empty;
            return result with { Verdict = TraceVerdict.Failure, Equal = done, Message = $"{e.GetType().Name}{operation}: {e.Message}" };
        }
    }

    private TraceResult Compare(Trace trace, TraceHeader header, TraceResult result, ref int done)
    {
        TraceComparer comparer = new(trace.Unstable, machines.MinorFaultsAreComparable);
        TraceRow[] expected = [.. trace.Rows.Where(row => row.Number < comparer.StopAt)];
        IReadOnlyList<ScriptOperation> script = ScriptParser.Parse(header.Script);
        int emitted = comparer.StopAt == long.MaxValue ? script.Count : Math.Min(script.Count, expected.Length);
        result = result with { Operations = expected.Length };
        if (TraceComparer.CompareCounts(expected.Length, emitted) is { } count)
            return result with { Verdict = TraceVerdict.Difference, Difference = count };

        // What cannot be equal by the machine's architecture must be right all the same.
        string? lacking = machines.Lacks(script) ?? machines.Omits(trace);
        using IReplayMachine machine = machines.Create(header.Backend, script);
        ReplaySession session = new(machine);
        TraceRow row = new();
        for (; done < expected.Length; done++)
        {
            if (!session.Run(AsRecorded(script[done], expected[done]), row))
                return result with { Verdict = TraceVerdict.UnknownOperation, Equal = done, Message = NotYetKnown(script[done]) };
            if (lacking is null && comparer.Compare(expected[done], row) is { } difference)
                return Differing(result, machine, difference, done);
            if (verify && machine.Verify().FirstOrDefault() is { } violation)
            {
                string message = Violated(script[done], violation);
                return result with { Verdict = TraceVerdict.Violation, Equal = lacking is null ? done : 0, Message = message };
            }
        }

        return lacking is null ? result with { Equal = done } : result with { Verdict = TraceVerdict.Excepted, Message = lacking };
    }

    /// <summary>The message for an operation that the machine does not know.</summary>
    public static string NotYetKnown(in ScriptOperation operation) =>
        $"operation not yet known: {ScriptParser.NameOf(operation.Kind)} (n={operation.Number} '{operation.Text}')";

    /// <summary>The message for a broken invariant.</summary>
    public static string Violated(in ScriptOperation operation, string violation) =>
        $"after n={operation.Number} '{operation.Text}': {violation}";

    /// <summary>With what the script leaves to the kernel: how often ksmd scans.</summary>
    private static ScriptOperation AsRecorded(in ScriptOperation operation, TraceRow recorded) =>
        operation.Kind == OperationKind.Ksm && recorded.Scans != 0 ? operation with { Count = recorded.Scans } : operation;

    private static TraceResult Differing(TraceResult result, IReplayMachine machine, Difference difference, int done)
    {
        ulong? entry = null;
        if (difference is { Process: { } process, Page: { } page }
            && machine.TryReadEntry(process, page[0] - 'A', int.Parse(page.AsSpan(1)), out ulong raw))
            entry = raw;
        return result with { Verdict = TraceVerdict.Difference, Equal = done, Difference = difference, Entry = entry };
    }
}
