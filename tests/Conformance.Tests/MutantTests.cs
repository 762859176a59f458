using PageTableEmu.Arch.X64;
using PageTableEmu.Conformance.Tests.Mutants;

namespace PageTableEmu.Conformance.Tests;

/// <summary>The kit finds what is broken: each mutant by the law that is there for it.</summary>
public sealed class MutantTests
{
    private const int AtLeast = 60;

    private static readonly Mutant[] Mutants =
        [.. LeafMutants.All, .. AccessMutants.All, .. SwapMutants.All, .. GeometryMutants.All];

    public static TheoryData<string> Names => [.. Mutants.Select(mutant => mutant.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_mutant_is_killed_by_its_law_with_a_counterexample(string name)
    {
        Mutant mutant = Mutants.Single(mutant => mutant.Name == name);
        ConformanceReport report = mutant.Run(law => law == mutant.Law);
        Assert.False(report.Conforms, $"{name} ({mutant.Defect}) survives {mutant.Law}");
        LawResult killer = Assert.Single(report.Failures);
        Assert.NotEmpty(killer.Failure!.Inputs);
        Assert.DoesNotContain("Exception", killer.Failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void There_are_enough_mutants_and_all_have_different_names()
    {
        Assert.True(Mutants.Length >= AtLeast, $"{Mutants.Length} mutants");
        Assert.Equal(Mutants.Length, Mutants.DistinctBy(mutant => mutant.Name).Count());
    }

    [Fact]
    public void What_only_wraps_an_architecture_conforms()
    {
        Assert.True(ArchitectureConformance.Run<HighExclusive>().Conforms);
        Assert.True(ArchitectureConformance.Run<Untouched>().Conforms);
    }

    [Fact]
    public void A_failure_names_law_architecture_and_inputs_and_draws_both_words()
    {
        Mutant mutant = Mutants.Single(mutant => mutant.Name == "ExclusiveThroughInt");
        ConformanceReport report = mutant.Run(law => law.StartsWith("swap/", StringComparison.Ordinal));
        string text = report.Failures.Single(failure => failure.Law == "swap/marks").ToString();
        Assert.Contains("FAIL  swap/marks", text, StringComparison.Ordinal);
        Assert.Contains("arm64", text, StringComparison.Ordinal);
        Assert.Contains("with type 0, offset 1, marks 001", text, StringComparison.Ordinal);
        Assert.Contains("expected 00000000 ", text, StringComparison.Ordinal);
        Assert.Contains("actual   01000000 ", text, StringComparison.Ordinal);
        Assert.EndsWith("bits 62", text.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Machines_are_not_made_of_broken_formats()
    {
        ConformanceReport report = Mutants.Single(mutant => mutant.Name == "OldForgotten").Run(_ => true);
        Assert.All(report.Results.Where(result => result.Law.StartsWith("machine/", StringComparison.Ordinal)),
            result => Assert.Equal(LawOutcome.NotRun, result.Outcome));
        Assert.Contains("not run", report.ToString(), StringComparison.Ordinal);
    }

    private readonly struct Untouched : IMutant<X64FourLevel>;
}
