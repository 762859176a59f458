namespace PageTableEmu.Explore.Tests.Mutants;

/// <summary>Faults put into the synchronisation of Core, one at a time: the explorer must find them.</summary>
public sealed class MutantTests
{
    private const int MostSurvivors = 3;

    /// <summary>One preemption, two, then as many as the entry says.</summary>
    private static readonly string[][] Bounds = [["--preemptions", "1"], ["--preemptions", "2"], []];

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

    /// <summary>
    /// Every mutant is found by the race that the list names, or survives all of them if the list says so. The bound grows until a mutant is found,
    /// because most are found soon and a search that finds nothing takes the longer the larger its bound is. Survivors are held to one preemption:
    /// that is what all races together can be searched to in minutes.
    /// </summary>
    [Fact]
    [Trait("Category", "nightly")]
    public void Mutants_AreFound_OrSurviveAsItIsTold()
    {
        List<string> wrong = [];
        foreach (IReadOnlyList<Mutant> group in MutantBuild.Groups(MutantList.Read(MutantBuild.ListPath)))
        {
            using var build = new MutantBuild(group);
            Expect(wrong, "no mutant", build.Explore(0, "all", "--preemptions", "1"), found: false);
            foreach (Mutant mutant in group)
                Expect(wrong, mutant.Name, Explore(build, mutant), found: mutant.Race is not null);
        }

        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
    }

    private static (int Code, string Output) Explore(MutantBuild build, Mutant mutant)
    {
        if (mutant.Race is not { } race)
            return build.Explore(mutant.Number, "all", "--preemptions", "1");
        (int Code, string Output) result = default;
        foreach (string[] bound in Bounds)
        {
            result = build.Explore(mutant.Number, race, bound);
            if (result.Code != 0)
                break;
        }

        return result;
    }

    private static void Expect(List<string> wrong, string what, (int Code, string Output) result, bool found)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: exit code {result.Code}{Environment.NewLine}{result.Output.TrimEnd()}");
        if (result.Code != (found ? 1 : 0))
            wrong.Add($"{what}: exit code {result.Code}{Environment.NewLine}{result.Output}");
    }
}
