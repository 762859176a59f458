using PageTableEmu.Cli.Entries;
using PageTableEmu.Explore;
using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Cli.Racing;

/// <summary>What the race commands say, as one JSON object a line.</summary>
internal static class RaceJson
{
    /// <summary>An entry of the catalogue.</summary>
    public static string Entry(RaceEntry entry) => EntryJson.WriteObject(json =>
    {
        json.WriteString("name", entry.Name);
        json.WriteStartArray("other_names");
        foreach (string other in entry.OtherNames)
            json.WriteStringValue(other);
        json.WriteEndArray();
        json.WriteString("title", entry.Title);
        json.WriteString("upstream", entry.Upstream);
        json.WriteString("symptom", entry.Symptom);
        json.WriteNumber("preemptions", entry.Preemptions);
        json.WriteStartArray("models");
        foreach (RaceModel model in entry.Models)
        {
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("verdict", Verdict(model));
            json.WriteString("rule", model.Rule);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    /// <summary>What came of an exploration.</summary>
    public static string Result(RaceEntry entry, RaceModel model, ExplorerOptions options, ExplorationResult result) => EntryJson.WriteObject(json =>
    {
        json.WriteString("name", entry.Name);
        json.WriteString("model", model.Name);
        json.WriteString("strategy", Strategy(options.Strategy));
        json.WriteNumber("preemptions", result.Preemptions);
        json.WriteNumber("executions", result.Executions);
        json.WriteNumber("steps", result.Steps);
        json.WriteBoolean("exhausted", result.Exhausted);
        if (result.Violation is { } violation)
        {
            json.WriteStartObject("violation");
            json.WriteString("symptom", violation.Symptom);
            json.WriteString("invariant", violation.Invariant);
            json.WriteNumber("step", violation.Step);
            json.WriteString("schedule", violation.Schedule);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("violation");
        }

        json.WriteNumber("seconds", Math.Round(result.Seconds, 3));
    });

    /// <summary>A verdict's name on the command line.</summary>
    public static string Verdict(RaceModel model) => model.Verdict switch
    {
        RaceVerdict.Before => "before",
        RaceVerdict.After => "after",
        RaceVerdict.WrongFix => "wrong-fix",
        _ => "masks",
    };

    private static string Strategy(SearchStrategy strategy) => strategy switch
    {
        SearchStrategy.DepthFirst => "dfs",
        SearchStrategy.Pct => "pct",
        _ => "random",
    };
}
