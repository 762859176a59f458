using System.CommandLine;
using System.Text.Json.Nodes;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Replay;
using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Tests;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Cli.Tests;

public sealed class ReplayCommandTests : IDisposable
{
    private static readonly string TracePath = Path.Combine(TestData.Traces, "core000.file.jsonl");
    private static readonly Trace Recorded = TestData.Read("core000.file");
    private static readonly string[] Commands = ["pte", "walk", "replay", "capture"];
    private static readonly string[] Options = ["--verify", "--json", "--emit", "--backend", "--rate"];
    private readonly string folder = Directory.CreateTempSubdirectory("ptemu-cli-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Equal_traces_end_with_0_and_a_plain_table()
    {
        Outcome outcome = Run(Playback(), "replay", TracePath, TracePath, "--verify");
        Assert.Equal((ExitCode.Ok, ""), (outcome.Code, outcome.Error));
        string[] lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal(["profile", "backend", "traces", "equal", "different"], Words(lines[0]).Take(5));
        Assert.Equal(["core", "file", "2", "2", "0", "0", "0", "82", "82"], Words(lines[1]));
        Assert.Equal(["all", "2", "2", "0", "0", "0", "82", "82"], Words(lines[2]));
        Assert.DoesNotContain('\u001b', outcome.Output);
    }

    [Fact]
    public void A_difference_ends_with_1_and_shows_operation_page_both_sides_and_the_entry()
    {
        Outcome outcome = Run(Bent(), "replay", TracePath);
        Assert.Equal((ExitCode.Difference, ""), (outcome.Code, outcome.Error));
        Assert.Contains("core000.file.jsonl: n=9 'write A 1 169' process 0 page A1: core differs", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("recorded  P5 bytes 169,169 mapcount 1 core 'ABE' pagemap 'x'", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("here      P5 bytes 169,169 mapcount 1 core 'AB' pagemap 'x'", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("entry     8000000000000001  present", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("nx", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Rate_looks_at_nothing_and_counts_every_operation()
    {
        int operations = ScriptParser.Parse(Recorded.Header!.Script).Count;
        Outcome outcome = RunOn(new ReplayMachines(), "replay", "--rate", "--json", TracePath, TracePath);
        Assert.Equal((ExitCode.Ok, ""), (outcome.Code, outcome.Error));
        JsonNode[] lines = [.. outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(("all", 2 * operations), ((string?)lines[^1]["operation"], (int)lines[^1]["operations"]!));
        Assert.Equal(2 * operations, lines[..^1].Sum(line => (int)line["operations"]!));
        Assert.All(lines, line => Assert.True((double)line["per_second"]! > 0));
        Assert.Equal(ExitCode.Usage, RunOn(new ReplayMachines(), "replay", "--rate", "--verify", TracePath).Code);
        Assert.Equal(ExitCode.Usage, RunOn(new ReplayMachines(), "replay", "--rate", Path.Combine(folder, "none.jsonl")).Code);
    }

    [Fact]
    public void Json_has_a_line_for_each_trace_and_one_with_the_sums()
    {
        Outcome outcome = Run(Bent(), "replay", "--json", TracePath, TracePath);
        Assert.Equal((ExitCode.Difference, ""), (outcome.Code, outcome.Error));
        JsonNode[] lines = [.. outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(3, lines.Length);
        Assert.Equal("difference", (string?)lines[1]["verdict"]);
        Assert.Equal((9, "core", "A1", 0), ((int)lines[0]["difference"]!["n"]!, (string?)lines[0]["difference"]!["field"],
            (string?)lines[0]["difference"]!["page"], (int)lines[0]["difference"]!["process"]!));
        Assert.Equal("0x8000000000000001", (string?)lines[0]["difference"]!["entry"]);
        Assert.Equal(2, (int)lines[2]["summary"]![0]!["different"]!);
    }

    [Fact]
    public void An_operation_that_is_not_known_and_a_violation_end_with_1_and_say_where()
    {
        Outcome unknown = Run(
            trace => new PlaybackMachine(trace) { IsUnknown = operation => operation.Kind == OperationKind.Fork }, "replay", TracePath);
        Assert.Equal(ExitCode.Difference, unknown.Code);
        Assert.Contains("core000.file.jsonl: operation not yet known: fork (n=27 'fork 1')", unknown.Output, StringComparison.Ordinal);
        Outcome violation = Run(
            trace => new PlaybackMachine(trace) { Violations = number => number == 2 ? ["frame 1 is lost"] : [] }, "replay", "--verify", TracePath);
        Assert.Equal(ExitCode.Difference, violation.Code);
        Assert.Contains("after n=2 'write A 0 171': frame 1 is lost", violation.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Input_that_is_not_there_or_not_a_trace_ends_with_2_and_an_error()
    {
        string wrong = Path.Combine(folder, "wrong.jsonl");
        File.WriteAllText(wrong, "{\"n\":1}\n");
        AssertUsage(Run(Playback(), "replay", Path.Combine(folder, "absent")), "absent is neither a file nor a folder");
        AssertUsage(Run(Playback(), "replay", wrong), "wrong.jsonl, line 1: op is missing");
    }

    [Theory]
    [InlineData("Required argument missing", "replay")]
    [InlineData("--emit needs --backend", "replay", "--emit", "-")]
    [InlineData("--emit takes one script", "replay", "--emit", "--backend", "zram", "a", "b")]
    [InlineData("--backend goes with --emit", "replay", "--backend", "zram", "a")]
    [InlineData("backend tape is neither zram nor file", "replay", "--emit", "--backend", "tape", "-")]
    [InlineData("--frob", "replay", "a", "--frob")]
    [InlineData("frob", "frob")]
    [InlineData("try 'ptemu pte decode --help'", "pte", "decode", "--frob", "1")]
    public void A_line_that_is_none_ends_with_2_and_an_error(string problem, params string[] args)
    {
        Outcome outcome = Run(Playback(), args);
        Assert.Equal((ExitCode.Usage, ""), (outcome.Code, outcome.Output));
        Assert.Contains(problem, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_and_version_end_with_0()
    {
        Outcome help = Run(Playback(), "--help");
        Assert.Equal((ExitCode.Ok, ""), (help.Code, help.Error));
        Assert.All(Commands, command => Assert.Contains(command, help.Output, StringComparison.Ordinal));
        Outcome replay = Run(Playback(), "replay", "--help");
        Assert.Equal(ExitCode.Ok, replay.Code);
        Assert.All(Options, option => Assert.Contains(option, replay.Output, StringComparison.Ordinal));
        Outcome version = Run(Playback(), "--version");
        Assert.Equal(ExitCode.Ok, version.Code);
        Assert.Matches(@"^\d+\.\d+\.\d+", version.Output);
    }

    [Fact]
    public void Emission_of_a_script_equals_the_recording_from_a_file_and_from_standard_input()
    {
        string script = Path.Combine(folder, "script");
        File.WriteAllLines(script, Recorded.Header!.Script);
        foreach (Outcome outcome in new[]
        {
            Run(Playback(), "replay", "--emit", "--backend", "file", script),
            RunWithInput(Playback(), File.ReadAllText(script), "replay", "--emit", "--backend", "file", "--verify", "-"),
        })
        {
            Assert.Equal((ExitCode.Ok, ""), (outcome.Code, outcome.Error));
            Trace emitted = TraceReader.Parse(System.Text.Encoding.UTF8.GetBytes(outcome.Output), "emitted");
            Assert.Equal(41, emitted.Rows.Count);
            Assert.Null(TraceComparer.Compare(Recorded, emitted));
            Assert.StartsWith("""{"n":1,"op":"map A 3","p":0,"ret":0,"err":0,"min":0,"maj":0,"val":-1,"used":0,""",
                outcome.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Emission_prints_nothing_of_a_script_with_a_wrong_line()
    {
        AssertUsage(RunWithInput(Playback(), "map A 3\nfrob\n", "replay", "--emit", "--backend", "zram", "-"), "line 2: unknown operation frob");
    }

    [Fact]
    public void Emission_prints_what_came_before_an_operation_that_is_not_known()
    {
        Outcome outcome = RunWithInput(
            trace => new PlaybackMachine(trace) { IsUnknown = operation => operation.Kind == OperationKind.Pin },
            "map A 3\npin 0 A 0 1\n", "replay", "--emit", "--backend", "zram", "-");
        Assert.Equal(ExitCode.Difference, outcome.Code);
        Assert.Single(outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("operation not yet known: pin (n=2 'pin 0 A 0 1')", outcome.Error, StringComparison.Ordinal);
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static Func<Trace, IReplayMachine> Playback() => trace => new PlaybackMachine(trace);

    private static Func<Trace, IReplayMachine> Bent() => trace => new PlaybackMachine(trace)
    {
        Bend = (number, page) => number == 9 && page is { Region: 0, Page: 1 } ? page with { Core = page.Core & ~CoreFlags.Exclusive } : page,
    };

    private static void AssertUsage(Outcome outcome, string problem)
    {
        Assert.Equal(ExitCode.Usage, outcome.Code);
        Assert.Contains("ptemu: ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains(problem, outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("{", outcome.Output, StringComparison.Ordinal);
    }

    private static Outcome Run(Func<Trace, IReplayMachine> machine, params string[] args) =>
        RunOn(new MachineFactory(_ => machine(Recorded)), args);

    private static Outcome RunOn(IReplayMachineFactory machines, params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = CommandLine.Run(args, machines, new InvocationConfiguration { Output = output, Error = error });
        return new Outcome(code, output.ToString(), error.ToString());
    }

    private static Outcome RunWithInput(Func<Trace, IReplayMachine> machine, string input, params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        RootCommand root = [ReplayCommand.Create(new MachineFactory(_ => machine(Recorded)), new StringReader(input))];
        int code = root.Parse(args).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return new Outcome(code, output.ToString(), error.ToString());
    }

    private sealed record Outcome(int Code, string Output, string Error);
}
