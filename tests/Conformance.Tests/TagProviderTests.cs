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
    private const int Laws = 29;
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

    /// <summary>
    /// The kit passes machines over when calls are wrong already; asked for alone they are tried, and each shows what is known to be wrong: the
    /// reserve of the first range that is lost with each use, a child without tags, what zaps and migrations leave, a restore that comes too late.
    /// </summary>
    [Theory]
    [InlineData("tags/machine-swap", "T1: Buffer 1 is in use and belongs to no range of addresses")]
    [InlineData("tags/machine-fork", "has other metadata")]
    [InlineData("tags/machine-moves", "T1: 8 pages are saved in the range")]
    [InlineData("tags/machine-swapoff", "T1: 8 pages are saved in the range")]
    [InlineData("tags/machine-new-life", "T1: 8 pages are saved in the range")]
    [InlineData("tags/machine-balance", "T1: Buffer 1 is in use and belongs to no range of addresses")]
    [InlineData("tags/machine-define-order", "is not valid")]
    [InlineData("tags/machine-restore-order", "leaves it not valid")]
    [InlineData("tags/machine-swapoff-order", "leaves it not valid")]
    public void Machines_with_Linux_store_break_their_laws_too(string law, string problem)
    {
        LawResult result = Assert.Single(TagProviderConformance.Run<Sun4vM7<AdiLinux>>(name => name == law).Results);
        Assert.Equal(LawOutcome.Failed, result.Outcome);
        Assert.Contains(problem, result.Failure!.Problem, StringComparison.Ordinal);
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
