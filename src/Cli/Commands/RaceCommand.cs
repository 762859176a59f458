using System.CommandLine;
using System.CommandLine.Parsing;
using PageTableEmu.Cli.Racing;
using PageTableEmu.Explore;
using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Cli.Commands;

/// <summary><c>ptemu race</c>: the catalogue of historic races, explored and replayed.</summary>
internal static class RaceCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create() => new("race", "Explore the historic races of swap and copy-on-write, schedule by schedule.")
    {
        List(), Show(), ExploreCommand(), Replay(),
    };

    private static Command List()
    {
        Option<bool> json = Json();
        Command command = new("list", "List the races.") { json };
        command.SetAction(line =>
        {
            TextWriter output = line.InvocationConfiguration.Output;
            foreach (RaceEntry entry in RaceCatalogue.All)
                output.WriteLine(line.GetValue(json) ? RaceJson.Entry(entry) : $"{entry.Name,-10} {entry.Title} ({entry.Upstream})");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Show()
    {
        Argument<RaceEntry> name = Name();
        Option<string> html = Html();
        Command command = new("show", "Tell a race's story and draw a schedule that shows it.") { name, html };
        command.SetAction(line =>
        {
            RaceEntry entry = line.GetValue(name)!;
            TextWriter output = line.InvocationConfiguration.Output;
            PageFile.Probe(line.GetValue(html));
            string also = entry.OtherNames.Count == 0 ? "" : $" (also {string.Join(", ", entry.OtherNames)})";
            output.WriteLine($"{entry.Name}: {entry.Title}{also}");
            output.WriteLine($"{entry.Symptom} Mended by {entry.Upstream}.");
            for (int step = 0; step < entry.Narrative.Count; step++)
                output.WriteLine($"  {step + 1}. {entry.Narrative[step].Actor}: {entry.Narrative[step].What}");
            foreach (RaceModel model in entry.Models)
                output.WriteLine($"  {model.Name} ({RaceJson.Verdict(model)}): {model.Rule}");
            if (entry.Models.FirstOrDefault(model => model.MustFail) is not { } before)
                return ExitCode.Ok; // a control: there is no schedule to show
            ExplorationResult result = entry.Explore(before);
            if (result.Violation is not { } violation)
                return ExitCode.Difference;
            output.WriteLine($"{violation.Invariant}: {violation.Symptom}");
            output.WriteLine($"replay: {violation.Schedule}");
            Draw(entry, before, violation.Schedule, line.GetValue(html), output);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command ExploreCommand()
    {
        Argument<string> name = new("name") { Description = "A race, or all." };
        name.Validators.Add(result => Validate(result, result.GetValueOrDefault<string>(), all: true));
        Option<string> model = new("--model") { Description = "before, after, or a model's name; all of them when not given." };
        Option<int?> preemptions = new("--preemptions") { Description = "Bound of the search; the entry's own when not given." };
        preemptions.Validators.Add(result => Within(result, result.GetValueOrDefault<int?>() ?? 0, 0, 200));
        Option<string> strategy = new("--strategy") { Description = "dfs, pct or random.", DefaultValueFactory = _ => "dfs" };
        strategy.AcceptOnlyFromAmong("dfs", "pct", "random");
        Option<ulong> seed = new("--seed") { Description = "Seed of pct and random.", DefaultValueFactory = _ => 1 };
        Option<string> shard = new("--shard") { Description = "Part i of n of the search, as in 0/4.", DefaultValueFactory = _ => "0/1" };
        shard.Validators.Add(result =>
        {
            if (!TryShard(result.GetValueOrDefault<string>(), out _, out _))
                result.AddError("--shard needs a part and a number of parts, as in 0/4");
        });
        Option<long> limit = new("--executions") { Description = "Most executions of a model.", DefaultValueFactory = _ => 10_000_000 };
        limit.Validators.Add(result => Within(result, result.GetValueOrDefault<long>(), 1, long.MaxValue));
        Option<bool> unjudged = new("--no-step-oracles") { Description = "Judge only the end of each execution: for measuring the explorer." };
        Option<string> html = Html("first failing schedule");
        Option<bool> json = Json();
        Command command = new("explore", "Explore a race; exit code 1 when a verdict is not the expected one.")
        {
            name, model, preemptions, strategy, seed, shard, limit, unjudged, html, json,
        };
        command.SetAction(line =>
        {
            TryShard(line.GetValue(shard), out int part, out int parts);
            PageFile.Probe(line.GetValue(html));
            var options = new ExplorerOptions
            {
                Strategy = line.GetValue(strategy) switch
                {
                    "pct" => SearchStrategy.Pct,
                    "random" => SearchStrategy.Random,
                    _ => SearchStrategy.DepthFirst,
                },
                Seed = line.GetValue(seed),
                Shard = part,
                Shards = parts,
                MaxExecutions = line.GetValue(limit),
                JudgesSteps = !line.GetValue(unjudged),
                Progress = line.GetValue(json) ? null : progress => line.InvocationConfiguration.Error.WriteLine(
                    $"  {progress.Preemptions} preemptions: {progress.Executions} executions, {progress.Executions / progress.Seconds:F0}/s, "
                    + $"depth {progress.Depth}, {progress.Explored:P0}"),
            };
            int code = ExploreAll(
                line, line.GetValue(name)!, line.GetValue(model), line.GetValue(preemptions), options, line.GetValue(json), out Failure? first);
            return line.GetValue(html) is { } page && code != ExitCode.Usage ? WritePage(line, page, first, code) : code;
        });
        return command;
    }

    private static int ExploreAll(
        ParseResult line, string name, string? modelName, int? preemptions, ExplorerOptions options, bool json, out Failure? first)
    {
        first = null;
        bool expected = true;
        bool any = false;
        TextWriter output = line.InvocationConfiguration.Output;
        foreach (RaceEntry entry in name == "all" ? RaceCatalogue.All : [RaceCatalogue.Find(name)])
        {
            foreach (RaceModel model in modelName is null ? entry.Models : Chosen(entry, modelName))
            {
                any = true;
                ExplorerOptions own = options with { Preemptions = preemptions ?? entry.BoundOf(model) };
                ExplorationResult result = entry.Explore(model, own);
                expected &= result.Violation is not null == model.MustFail;
                first ??= result.Violation is { } violation ? new Failure(entry, model, violation.Schedule) : null;
                output.WriteLine(json ? RaceJson.Result(entry, model, own, result) : Text(entry, model, result));
            }
        }

        if (!any)
        {
            line.InvocationConfiguration.Error.WriteLine($"ptemu: there is no model '{modelName}'; 'ptemu race show {name}' names those of a race");
            return ExitCode.Usage;
        }

        return expected ? ExitCode.Ok : ExitCode.Difference;
    }

    private static int WritePage(ParseResult line, string page, Failure? failure, int code)
    {
        if (failure is null)
        {
            line.InvocationConfiguration.Error.WriteLine($"ptemu: nothing failed, so '{page}' was not written");
            return code;
        }

        using RaceScene scene = failure.Model.SetUp(failure.Entry);
        RaceTimeline timeline = RaceTimeline.Run(failure.Entry, scene, failure.Schedule);
        File.WriteAllText(page, RacePage.Make(failure.Entry, failure.Model, failure.Schedule, timeline));
        return code;
    }

    private static IEnumerable<RaceModel> Chosen(RaceEntry entry, string name) => name switch
    {
        "before" => entry.Models.Where(model => model.MustFail),
        "after" => entry.Models.Where(model => model.Verdict == RaceVerdict.After),
        _ => entry.Models.Where(model => model.Name == name),
    };

    private static string Text(RaceEntry entry, RaceModel model, ExplorationResult result)
    {
        string found = result.Violation is { } violation
            ? $"{violation.Invariant} with {violation.Preemptions} preemptions: {violation.Schedule}"
            : result.Exhausted ? $"clean up to {result.Preemptions} preemptions" : "not finished, nothing found";
        return $"{entry.Name} {model.Name} ({RaceJson.Verdict(model)}): {found}; {result.Executions} executions, {result.Steps} steps, "
            + $"{result.Seconds:F1} s, {result.Rate:F0}/s, {result.ProcessorRate:F0}/s of processor time";
    }

    private static Command Replay()
    {
        Argument<RaceEntry> name = Name();
        Argument<string> schedule = new("schedule") { Description = "The line that explore printed." };
        Option<string> model = new("--model") { Description = "before, after, or a model's name.", DefaultValueFactory = _ => "before" };
        Option<string> html = Html();
        Command command = new("replay", "Run one schedule of a race and draw it; exit code 1 when it shows a violation.")
        {
            name, schedule, model, html,
        };
        command.SetAction(line =>
        {
            RaceEntry entry = line.GetValue(name)!;
            try
            {
                TextWriter output = line.InvocationConfiguration.Output;
                PageFile.Probe(line.GetValue(html));
                return Draw(entry, entry.Model(line.GetValue(model)!), line.GetValue(schedule)!, line.GetValue(html), output);
            }
            catch (Exception error) when (error is FormatException or ArgumentException or IOException or UnauthorizedAccessException)
            {
                line.InvocationConfiguration.Error.WriteLine($"ptemu: {error.Message}");
                return ExitCode.Usage;
            }
        });
        return command;
    }

    private static int Draw(RaceEntry entry, RaceModel model, string schedule, string? page, TextWriter output)
    {
        using RaceScene scene = model.SetUp(entry);
        RaceTimeline timeline = RaceTimeline.Run(entry, scene, schedule);
        foreach (string text in RaceTable.Lines(timeline))
            output.WriteLine(text);
        if (timeline.Misfit is { } misfit)
            output.WriteLine($"not as scheduled: {misfit}");
        output.WriteLine(timeline.Violation is { } violation ? $"{violation.Invariant}: {violation.Symptom}" : "no violation");
        if (page is not null)
            File.WriteAllText(page, RacePage.Make(entry, model, schedule, timeline));
        return timeline.Violation is null ? ExitCode.Ok : ExitCode.Difference;
    }

    private static Option<string> Html(string what = "schedule") =>
        new("--html") { Description = $"Also write the {what} as a page that can be stepped through in a browser." };

    private static Option<bool> Json() => new("--json") { Description = "One JSON object a line." };

    private static Argument<RaceEntry> Name() => new("name")
    {
        Description = "A race of the list.",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            Validate(result, text, all: false);
            return RaceCatalogue.TryFind(text)!;
        },
    };

    private static void Validate(ArgumentResult result, string? name, bool all)
    {
        if (RaceCatalogue.TryFind(name) is null && !(all && name == "all"))
            result.AddError($"there is no race '{name}'; 'ptemu race list' lists them");
    }

    private static void Within(OptionResult result, long value, long least, long most)
    {
        if (value < least || value > most)
            result.AddError($"{result.Option.Name} is {(most == long.MaxValue ? $"{least} or more" : $"{least} to {most}")}, not {value}");
    }

    private static bool TryShard(string? text, out int part, out int parts)
    {
        part = parts = 0;
        string[] sides = (text ?? "").Split('/');
        return sides.Length == 2 && int.TryParse(sides[0], out part) && int.TryParse(sides[1], out parts) && part >= 0 && part < parts;
    }

    /// <summary>A schedule that fails.</summary>
    private sealed record Failure(RaceEntry Entry, RaceModel Model, string Schedule);
}
