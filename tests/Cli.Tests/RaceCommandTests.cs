using System.CommandLine;
using System.Text.Json.Nodes;
using PageTableEmu.Cli.Commands;
using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Cli.Tests;

/// <summary><c>race</c>, called as the program calls it.</summary>
public sealed class RaceCommandTests
{
    [Fact]
    public void List_has_a_line_or_an_object_for_every_race()
    {
        string[] lines = Lines(Run(ExitCode.Ok, "race", "list"));
        JsonNode[] objects = [.. Lines(Run(ExitCode.Ok, "race", "list", "--json")).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(RaceCatalogue.All.Select(entry => entry.Name), lines.Select(line => line.Split(' ')[0]));
        Assert.Equal(RaceCatalogue.All.Select(entry => entry.Name), objects.Select(race => race["name"]!.GetValue<string>()));
        JsonNode direct = objects.Single(race => race["name"]!.GetValue<string>() == "002-A");
        Assert.Equal(1, direct["preemptions"]!.GetValue<int>());
        Assert.Contains(direct["models"]!.AsArray(), model => model!["name"]!.GetValue<string>() == "no-pin");
        Assert.Contains(direct["models"]!.AsArray(), model => model!["verdict"]!.GetValue<string>() == "wrong-fix");
    }

    [Fact]
    public void Show_tells_the_story_and_draws_a_schedule_with_entry_slot_and_frames()
    {
        string[] lines = Lines(Run(ExitCode.Ok, "race", "show", "002-A"));
        Assert.StartsWith("002-A: A slot is re-issued", lines[0], StringComparison.Ordinal);
        string header = Assert.Single(lines, line => line.StartsWith("step ", StringComparison.Ordinal));
        Assert.Equal(["step", "T0", "T1", "R"], header.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..4]);
        Assert.Contains("slot 1", header, StringComparison.Ordinal);
        Assert.EndsWith("frames", header, StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains(" frame ", StringComparison.Ordinal)); // the entry
        Assert.StartsWith("G1: ", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Show_of_a_control_is_its_story() =>
        Assert.StartsWith("S004-E: A control", Run(ExitCode.Ok, "race", "show", "S004-E"), StringComparison.Ordinal);

    [Fact]
    public void Explore_finds_what_replay_then_shows()
    {
        JsonNode found = JsonNode.Parse(Assert.Single(Lines(Run(ExitCode.Ok, "race", "explore", "002-A", "--model", "no-pin", "--json"))))!;
        Assert.Equal(
            ["name", "model", "strategy", "preemptions", "executions", "steps", "exhausted", "violation", "seconds"],
            found.AsObject().Select(property => property.Key));
        Assert.Equal(("dfs", 1), (found["strategy"]!.GetValue<string>(), found["preemptions"]!.GetValue<int>()));
        Assert.Equal("G1", found["violation"]!["invariant"]!.GetValue<string>());
        string schedule = found["violation"]!["schedule"]!.GetValue<string>();
        string replayed = Run(ExitCode.Difference, "race", "replay", "002-A", schedule);
        Assert.Contains("\nG1: ", replayed, StringComparison.Ordinal);
        Assert.DoesNotContain("not as scheduled", replayed, StringComparison.Ordinal);
        Assert.EndsWith("no violation\n", Run(ExitCode.Ok, "race", "replay", "002-A", "T0 T1 R"), StringComparison.Ordinal);
    }

    [Fact]
    public void Explore_of_the_repaired_rule_is_exhausted()
    {
        JsonNode clean = JsonNode.Parse(Run(ExitCode.Ok, "race", "explore", "COW-H04", "--model", "linux-6.18", "--preemptions", "2", "--json"))!;
        Assert.True(clean["exhausted"]!.GetValue<bool>());
        Assert.Null(clean["violation"]);
    }

    [Theory]
    [InlineData("pct")]
    [InlineData("random")]
    public void Strategies_by_chance_find_it_too(string strategy)
    {
        string[] arguments =
            ["race", "explore", "COW-H06", "--model", "before", "--strategy", strategy, "--seed", "3", "--executions", "20000", "--json"];
        Assert.Equal("G1", JsonNode.Parse(Run(ExitCode.Ok, arguments))!["violation"]!["invariant"]!.GetValue<string>());
    }

    [Fact]
    public void Bound_that_is_too_small_ends_with_1()
    {
        JsonNode missed = JsonNode.Parse(Run(ExitCode.Difference, "race", "explore", "002-A", "--model", "no-pin", "--preemptions", "0", "--json"))!;
        Assert.Equal((0, true), (missed["preemptions"]!.GetValue<int>(), missed["exhausted"]!.GetValue<bool>()));
    }

    [Fact]
    public void Races_models_shards_and_schedules_that_are_none_are_refused()
    {
        Assert.NotEqual(0, Fail("race", "explore", "no-such-race").Code);
        Assert.NotEqual(0, Fail("race", "explore", "002-A", "--shard", "3/2").Code);
        Assert.Equal(ExitCode.Usage, Fail("race", "explore", "002-A", "--model", "no-such-model").Code);
        Assert.Equal(ExitCode.Usage, Fail("race", "replay", "002-A", "T9:1").Code);
        Assert.Contains("no-such-model", Fail("race", "explore", "002-A", "--model", "no-such-model").Error, StringComparison.Ordinal);
    }

    private static string[] Lines(string output) => output.TrimEnd('\n').Split('\n');

    private static string Run(int expected, params string[] args)
    {
        (int code, string output, string error) = Invoke(args);
        Assert.True(expected == code, $"exit code {code}: {error}{output}");
        return output;
    }

    private static (int Code, string Error) Fail(params string[] args)
    {
        (int code, string _, string error) = Invoke(args);
        return (code, error);
    }

    private static (int Code, string Output, string Error) Invoke(string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = new RootCommand { RaceCommand.Create() }.Parse(args).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }
}
