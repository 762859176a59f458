namespace PageTableEmu.Explore.Tests.Mutants;

/// <summary>Faults put into the synchronisation of Core, one at a time: the explorer must find them.</summary>
public sealed class MutantTests
{
    private const int MostSurvivors = 5;

    /// <summary>In every run: the list still fits the sources.</summary>
    [Fact]
    public void List_FitsTheSources()
    {
        IReadOnlyList<Mutant> mutants = MutantList.Read(MutantBuild.ListPath);
        Assert.True(mutants.Count >= 50);
        Assert.Equal(mutants.Count, mutants.Select(mutant => mutant.Name).Distinct().Count());
        Assert.All(mutants, mutant => Assert.True(mutant.Race is not null || mutant.Reason.Length != 0, mutant.Name));
        Assert.InRange(mutants.Count(mutant => mutant.Race is null), 0, MostSurvivors);
        Assert.NotEmpty(MutantBuild.Groups(mutants)); // throws when a text is not there
    }

    /// <summary>Every mutant is found by the race that the list names, or survives all of them if the list says so.</summary>
    [Fact]
    [Trait("Category", "nightly")]
    public void Mutants_AreFound_OrSurviveAsItIsTold()
    {
        List<string> wrong = [];
        foreach (IReadOnlyList<Mutant> group in MutantBuild.Groups(MutantList.Read(MutantBuild.ListPath)))
        {
            using var build = new MutantBuild(group);
            foreach (string race in group.Select(mutant => mutant.Race).OfType<string>().Distinct())
                Expect(wrong, $"nothing, {race}", build.Explore(0, race, "--preemptions", "1"), found: false);
            foreach (Mutant mutant in group)
            {
                string[] bound = mutant.Race is null ? ["--preemptions", "1"] : [];
                Expect(wrong, mutant.Name, build.Explore(mutant.Number, mutant.Race ?? "all", bound), found: mutant.Race is not null);
            }
        }

        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
    }

    private static void Expect(List<string> wrong, string what, (int Code, string Output) result, bool found)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: exit code {result.Code}");
        if (result.Code != (found ? 1 : 0))
            wrong.Add($"{what}: exit code {result.Code}{Environment.NewLine}{result.Output}");
    }
}
