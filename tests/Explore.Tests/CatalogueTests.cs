using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Explore.Tests;

/// <summary>Every entry: the old rule fails with the stated symptom and number of preemptions, the new one survives its bound.</summary>
public sealed class CatalogueTests
{
    public static TheoryData<string, string> Models =>
        new(RaceCatalogue.All.SelectMany(entry => entry.Models.Select(model => (entry.Name, model.Name))));

    [Theory]
    [MemberData(nameof(Models))]
    public void Verdict_IsTheExpectedOne(string name, string modelName)
    {
        RaceEntry entry = RaceCatalogue.Find(name);
        RaceModel model = entry.Model(modelName);
        ExplorationResult result = entry.Explore(model, new ExplorerOptions { Preemptions = model.MustFail ? entry.Preemptions : 1 });
        TestContext.Current.SendDiagnosticMessage($"{name} {modelName}: {result}");
        if (!model.MustFail)
        {
            Assert.Null(result.Violation);
            Assert.True(result.Exhausted);
            return;
        }

        RaceViolation violation = Assert.IsType<RaceViolation>(result.Violation);
        Assert.Contains(violation.Invariant, entry.Invariants);
        Assert.Equal(entry.Preemptions, violation.Preemptions);
        using RaceScene scene = model.SetUp(entry);
        ExplorationResult again = Explorer.Replay(scene.Program, violation.Schedule, null, null, out string? misfit);
        Assert.Null(misfit);
        Assert.Equal(violation with { Symptom = "" }, again.Violation! with { Symptom = "" });
    }

    [Fact]
    public void Machines_AreBroughtBackByteForByte()
    {
        RaceEntry entry = RaceCatalogue.Find("002-A");
        ExplorationResult result = entry.Explore(
            entry.Model("after"), new ExplorerOptions { Preemptions = 1, CheckRestoring = true, MaxExecutions = 200 });
        Assert.Null(result.Violation);
        Assert.True(result.Executions > 20);
    }
}
