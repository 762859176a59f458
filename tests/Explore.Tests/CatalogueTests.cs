using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Explore.Tests;

/// <summary>Every entry: the old rule fails with the stated symptom and number of preemptions, the new one survives its bound.</summary>
public sealed class CatalogueTests
{
    public static TheoryData<string, string> MustFail => Models(model => model.MustFail);

    public static TheoryData<string, string> MustSurvive => Models(model => !model.MustFail);

    [Theory]
    [MemberData(nameof(MustFail))]
    public void OldRule_FailsAsItIsTold(string name, string modelName)
    {
        RaceEntry entry = RaceCatalogue.Find(name);
        RaceModel model = entry.Model(modelName);
        ExplorationResult result = entry.Explore(model);
        RaceViolation violation = Assert.IsType<RaceViolation>(result.Violation);
        Assert.Contains(violation.Invariant, entry.Invariants);
        Assert.Equal(entry.BoundOf(model), violation.Preemptions); // bounds are searched one after the other: there is none with fewer
        RaceViolation again = Assert.IsType<RaceViolation>(entry.Replay(model, violation.Schedule, out string? misfit).Violation);
        Assert.Null(misfit);
        Assert.Equal(violation with { Symptom = "" }, again with { Symptom = "" });
    }

    [Theory]
    [MemberData(nameof(MustSurvive))]
    public void NewRule_SurvivesTheQuickBound(string name, string modelName) => Survives(name, modelName, entry => entry.QuickBound);

    [Theory]
    [Trait("Category", "nightly")]
    [MemberData(nameof(MustSurvive))]
    public void NewRule_SurvivesTheWholeBound(string name, string modelName) => Survives(name, modelName, entry => entry.Bound);

    [Fact]
    public void Names_AreUnique_AndEveryEntryIsComplete()
    {
        string[] names = [.. RaceCatalogue.All.SelectMany(entry => entry.OtherNames.Prepend(entry.Name))];
        Assert.Equal(names.Length, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(names, name => Assert.Contains(name, RaceCatalogue.Find(name).OtherNames.Prepend(RaceCatalogue.Find(name).Name)));
        foreach (RaceEntry entry in RaceCatalogue.All)
        {
            Assert.NotEmpty(entry.Narrative);
            Assert.Contains(entry.Models, model => model.Verdict is RaceVerdict.After);
            Assert.InRange(entry.QuickBound, 0, entry.Bound);
            Assert.Equal(entry.Models.Count, entry.Models.Select(model => model.Name).Distinct().Count());
            using RaceScene scene = entry.Models[0].SetUp(entry);
            string[] actors = [.. scene.Program.Actors.Select(actor => actor.Name)];
            Assert.All(entry.Narrative, step => Assert.Contains(step.Actor, actors)); // who is told of is who acts
            Assert.Equal(scene.Columns.Count, scene.Draw().Count);
        }
    }

    [Theory]
    [InlineData("002-A")]
    [InlineData("002-B")]
    [InlineData("COW-H11")]
    public void Machines_AreBroughtBackByteForByte(string name)
    {
        RaceEntry entry = RaceCatalogue.Find(name);
        ExplorationResult result = entry.Explore(
            entry.Model("after"), new ExplorerOptions { Preemptions = 1, CheckRestoring = true, MaxExecutions = 200 });
        Assert.Null(result.Violation);
        Assert.True(result.Executions > 20);
    }

    private static void Survives(string name, string modelName, Func<RaceEntry, int> bound)
    {
        RaceEntry entry = RaceCatalogue.Find(name);
        ExplorationResult result = entry.Explore(entry.Model(modelName), new ExplorerOptions { Preemptions = bound(entry) });
        Assert.Null(result.Violation);
        Assert.True(result.Exhausted);
    }

    private static TheoryData<string, string> Models(Func<RaceModel, bool> wanted) =>
        new(RaceCatalogue.All.SelectMany(entry => entry.Models.Where(wanted).Select(model => (entry.Name, model.Name))));
}
