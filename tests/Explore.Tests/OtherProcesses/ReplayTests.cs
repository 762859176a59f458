using System.Text.Json.Nodes;

namespace PageTableEmu.Explore.Tests.OtherProcesses;

/// <summary>A schedule that one process prints shows the same in another one, whichever of them was built for debugging.</summary>
[Trait("Category", "nightly")]
public sealed class ReplayTests
{
    private static readonly string[] Races = ["001-A", "002-A2", "002-B", "S000-A", "S003-18", "S004-C", "SWAP-H06", "SWAP-H13"];

    [Fact]
    public void Schedules_ShowTheSame_InDebugAndReleaseBuilds()
    {
        using var debug = new CliBuild(CliBuild.Root, "Debug");
        using var release = new CliBuild(CliBuild.Root, "Release");
        foreach (string race in Races)
        {
            (int _, string found) = release.Call(["race", "explore", race, "--model", "before", "--json"]);
            JsonNode violation = JsonNode.Parse(found.Split('\n')[0])!["violation"]!;
            string schedule = violation["schedule"]!.GetValue<string>();
            string expected = $"{violation["invariant"]}: {violation["symptom"]}";
            string[] tables = [.. new[] { debug, release }.Select(build => Replay(build, race, schedule, expected))];
            Assert.Equal(tables[0], tables[1]); // every access, entry, slot and frame on the way
            (int _, string again) = debug.Call(["race", "explore", race, "--model", "before", "--json"]);
            Assert.Equal(schedule, JsonNode.Parse(again.Split('\n')[0])!["violation"]!["schedule"]!.GetValue<string>());
        }
    }

    private static string Replay(CliBuild build, string race, string schedule, string expected)
    {
        (int code, string table) = build.Call(["race", "replay", race, schedule]);
        Assert.Equal(1, code);
        Assert.DoesNotContain("not as scheduled", table, StringComparison.Ordinal);
        Assert.Contains(expected, table, StringComparison.Ordinal);
        return table;
    }
}
