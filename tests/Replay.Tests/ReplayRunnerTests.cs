using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

public class ReplayRunnerTests
{
    private const string Name = "core000.file";
    private static readonly Trace Recorded = TestData.Read(Name);

    private static TraceResult Replay(Func<Trace, PlaybackMachine> machine, bool verify = true, Trace? trace = null) =>
        new TraceReplay(new MachineFactory(_ => machine(trace ?? Recorded)), verify).Replay(Name, trace ?? Recorded);

    [Fact]
    public void Every_recording_replays_equal_on_a_machine_that_plays_it_back()
    {
        foreach ((string path, Trace trace) in TestData.All)
        {
            TraceResult result = new TraceReplay(new MachineFactory(_ => new PlaybackMachine(trace)), verify: true).Replay(path, trace);
            Assert.True(result.IsGood, $"{path}: {result}");
            Assert.Equal(result.Operations, result.Equal);
        }
    }

    [Fact]
    public void A_difference_ends_the_trace_with_operation_page_both_sides_and_the_entry()
    {
        PlaybackMachine? machine = null;
        TraceResult result = Replay(trace => machine = new PlaybackMachine(trace)
        {
            Bend = (number, page) => number == 9 && page is { Region: 0, Page: 1 } ? page with { MapCount = 5 } : page,
        });
        Assert.Equal(TraceVerdict.Difference, result.Verdict);
        Assert.Equal(
            (9, "mapcount", 0, "A1"),
            (result.Difference!.Number, result.Difference.Field, result.Difference.Process, result.Difference.Page));
        Assert.Contains("mapcount 1", result.Difference.Expected, StringComparison.Ordinal);
        Assert.Contains("mapcount 5", result.Difference.Actual, StringComparison.Ordinal);
        Assert.Equal(0x8000_0000_0000_0001ul, result.Entry);
        Assert.Equal(8, result.Equal);
        Assert.True(machine!.IsDisposed);
    }

    [Fact]
    public void An_operation_that_is_not_known_is_named_with_its_line()
    {
        TraceResult result = Replay(trace => new PlaybackMachine(trace) { IsUnknown = operation => operation.Kind == OperationKind.Reclaim });
        Assert.Equal(TraceVerdict.UnknownOperation, result.Verdict);
        Assert.Equal(5, result.Equal);
        Assert.Equal("operation not yet known: reclaim (n=6 'reclaim')", result.Message);
    }

    [Fact]
    public void A_violation_ends_the_trace_only_when_verification_is_asked_for()
    {
        static PlaybackMachine Machine(Trace trace) => new(trace) { Violations = number => number == 7 ? ["slot 3 counts one too many"] : [] };
        TraceResult result = Replay(Machine);
        Assert.Equal(TraceVerdict.Violation, result.Verdict);
        Assert.Equal("after n=7 'poke A 2 203': slot 3 counts one too many", result.Message);
        Assert.Equal(6, result.Equal);
        Assert.True(Replay(Machine, verify: false).IsGood);
    }

    [Fact]
    public void A_machine_that_throws_fails_its_trace_and_is_disposed()
    {
        PlaybackMachine? machine = null;
        TraceResult result = Replay(trace => machine = new PlaybackMachine(trace)
        {
            Before = operation => _ = operation.Number == 4 ? throw new InvalidOperationException("broken") : 0,
        });
        Assert.Equal(TraceVerdict.Failure, result.Verdict);
        Assert.Equal("InvalidOperationException in n=4 'write A 2 71': broken", result.Message);
        Assert.True(machine!.IsDisposed);
    }

    [Fact]
    public void Nothing_is_run_from_the_line_on_that_the_recording_calls_unstable()
    {
        int last = 0;
        Trace unstable = Recorded with { Unstable = [new UnstableNote(20, "frame reuse")] };
        TraceResult result = Replay(trace => new PlaybackMachine(trace) { Before = operation => last = operation.Number }, trace: unstable);
        Assert.True(result.IsGood);
        Assert.Equal((19, 19, 19), (last, result.Operations, result.Equal));
    }

    [Fact]
    public void A_script_of_another_length_than_its_recording_is_a_difference()
    {
        Trace shorter = Recorded with { Rows = [.. Recorded.Rows.Take(40)] };
        Assert.Equal("operations", Replay(trace => new PlaybackMachine(trace), trace: shorter).Difference!.Field);
    }

    [Fact]
    public void An_operation_of_a_process_that_does_not_live_fails_without_the_machine()
    {
        ReplaySession session = new(new PlaybackMachine(Recorded));
        TraceRow row = new();
        Assert.True(session.Run(Scripts.ScriptParser.Parse(["map A 3"])[0], row));
        Assert.True(session.Run(Scripts.ScriptParser.Parse(["@2 read A 0"])[0], row));
        Assert.Equal(new OperationOutcome(-1, 10, -1, 0, 0), row.Outcome);
        Assert.Throws<Scripts.ScriptException>(() => session.Run(Scripts.ScriptParser.Parse(["fork 0"])[0], row));
    }

    [Fact]
    public void Files_that_cannot_be_replayed_are_input_errors()
    {
        TraceReplay replay = new(new MachineFactory(_ => throw new InvalidOperationException("not reached")), verify: false);
        Assert.Equal(TraceVerdict.InputError, replay.Replay(Path.Combine(TestData.Traces, "absent.jsonl")).Verdict);
        Assert.Equal(TraceVerdict.InputError, replay.Replay("headless", Recorded with { Header = null }).Verdict);
        TraceResult wrong = replay.Replay("wrong", Recorded with { Header = Recorded.Header! with { Script = ["nop", "frob"] } });
        Assert.Equal((TraceVerdict.InputError, "line 2: unknown operation frob"), (wrong.Verdict, wrong.Message));
    }

    [Fact]
    public void A_folder_stands_for_its_traces_in_order_and_results_keep_that_order()
    {
        IReadOnlyList<string> found = ReplayRunner.FindTraces([TestData.Traces, Path.Combine(TestData.Examples, "gup1005.file.jsonl")]);
        Assert.Equal(401, found.Count);
        Assert.Equal(found.Take(400).Order(StringComparer.Ordinal), found.Take(400));
        Assert.Throws<FileNotFoundException>(() => ReplayRunner.FindTraces([Path.Combine(TestData.Root, "absent")]));
        Assert.Throws<FileNotFoundException>(() => ReplayRunner.FindTraces([TestData.Oracle]));
    }

    [Fact]
    public void Results_are_summed_by_profile_and_backend()
    {
        string path = Path.Combine(TestData.Traces, Name + ".jsonl");
        int reported = 0;
        IReadOnlyList<TraceResult> results = ReplayRunner.Run(
            new TraceReplay(new MachineFactory(_ => new PlaybackMachine(Recorded)), verify: false),
            [path, path, Path.Combine(TestData.Traces, "core001.zram.jsonl")],
            _ => Interlocked.Increment(ref reported));
        Assert.Equal(3, reported);
        Assert.Equal([path, path], results.Take(2).Select(result => result.Path));
        Assert.Equal(
            [new ReplaySummary("core", "file", 2, 2, 0, 0, 0, 82, 82), ReplayRunner.Summarise(results)[1]],
            ReplayRunner.Summarise(results));
        Assert.Equal(("core", "zram", 1, 0), (results.Count > 2 ? ReplayRunner.Summarise(results)[1] : null) is { } other
            ? (other.Profile, other.Backend, other.Traces, other.Equal)
            : default);
    }
}
