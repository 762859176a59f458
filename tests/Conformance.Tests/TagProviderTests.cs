using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Arch.X64;
using PageTableEmu.Conformance.Tests.Mutants;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests;

/// <summary>Our providers obey every law, Linux's store for ADI breaks those that its defects are about, and broken ones are found.</summary>
public sealed class TagProviderTests
{
    private const int Laws = 28;
    private const int AtLeast = 20;

    public static TheoryData<string> Names => [.. TagMutants.All.Select(mutant => mutant.Name)];

    [Fact]
    public void Adi_conforms() => Conforms<Sun4vM7<AdiFrameSlot>>();

    [Fact]
    public void Mte_conforms() => Conforms<Arm64FourLevel<MteFrameSlot>>();

    [Fact]
    public void Architectures_with_tags_are_architectures()
    {
        Assert.True(ArchitectureConformance.Run<Sun4vM7<AdiFrameSlot>>().Conforms);
        Assert.True(ArchitectureConformance.Run<Sun4vM7<AdiLinux>>().Conforms);
        Assert.True(ArchitectureConformance.Run<Arm64FourLevel<MteFrameSlot>>().Conforms);
    }

    [Fact]
    public void Linux_breaks_the_laws_that_its_defects_are_about()
    {
        ConformanceReport report = TagProviderConformance.Run<Sun4vM7<AdiLinux>>();
        Assert.Equal(
            [
                "tags/copy", "tags/copy-of-none", "tags/define", "tags/define-keeps", "tags/identical", "tags/prepare", "tags/prepare-of-none",
                "tags/prepare-fails", "tags/restore", "tags/restore-is-older", "tags/slot-free", "tags/area-free",
            ],
            report.Failures.Select(failure => failure.Law).ToArray());
        Assert.All(report.Results.Where(result => result.Law.StartsWith("tags/machine", StringComparison.Ordinal)),
            result => Assert.Equal(LawOutcome.NotRun, result.Outcome));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_mutant_is_killed_by_its_law_with_a_counterexample(string name)
    {
        Mutant mutant = TagMutants.All.Single(mutant => mutant.Name == name);
        ConformanceReport report = mutant.Run(law => law == mutant.Law);
        Assert.False(report.Conforms, $"{name} ({mutant.Defect}) survives {mutant.Law}");
        LawResult killer = Assert.Single(report.Failures);
        Assert.NotEmpty(killer.Failure!.Inputs);
        Assert.DoesNotContain("Exception", killer.Failure.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void There_are_enough_mutants_and_all_have_different_names()
    {
        Assert.True(TagMutants.All.Count() >= AtLeast, $"{TagMutants.All.Count()} mutants");
        Assert.Equal(TagMutants.All.Count(), TagMutants.All.DistinctBy(mutant => mutant.Name).Count());
    }

    [Fact]
    public void An_architecture_without_tags_has_no_provider_to_try() =>
        Assert.Throws<ArgumentException>(() => TagProviderConformance.Run<X64FourLevel>());

    private static void Conforms<TArch>()
        where TArch : struct, IArchitecture
    {
        ConformanceReport report = TagProviderConformance.Run<TArch>();
        Assert.True(report.Conforms, report.ToString());
        Assert.Equal(Laws, report.Results.Count);
        Assert.Equal(Laws, report.Results.DistinctBy(result => result.Law).Count());
        Assert.All(report.Results, result => Assert.True(result.Cases > 0, result.ToString()));
    }
}

/// <summary>The sun4v provider law by law, through the adapter.</summary>
public sealed class AdiConformance : Xunit.TagProviderConformanceTests<Sun4vM7<AdiFrameSlot>>;
