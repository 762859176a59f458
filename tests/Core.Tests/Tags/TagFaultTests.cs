using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// Every place where tags can be lost, leaked or restored too late, with every provider, and each allocation of tag storage failing once: what was
/// right without the failure is right with it, and what is wrong in Linux is exactly as wrong as it is known to be.
/// </summary>
public class TagFaultTests
{
    public static TheoryData<string, Backing> Sites
    {
        get
        {
            var sites = new TheoryData<string, Backing>();
            foreach (string site in TagSiteNames.All.Keys)
            {
                sites.Add(site, Backing.Zram);
                sites.Add(site, Backing.Asynchronous);
            }

            return sites;
        }
    }

    [Theory]
    [MemberData(nameof(Sites))]
    public void Adi_EveryFailureAtEverySite_LosesAndLeaksNothing(string site, Backing backing) =>
        FailEverywhere<Sun4vM7<AdiFrameSlot>, AdiFormat>(site, backing);

    [Theory]
    [MemberData(nameof(Sites))]
    public void Mte_EveryFailureAtEverySite_LosesAndLeaksNothing(string site, Backing backing) =>
        FailEverywhere<Arm64FourLevel<MteFrameSlot>, MteFormat>(site, backing);

    [Theory]
    [MemberData(nameof(Sites))]
    public void Linux_EveryFailureAtEverySite_IsAsWrongAsItIsKnownToBe_UnderEveryModel(string site, Backing backing)
    {
        AssertKnown<CheckedModel>(site, backing);
        AssertKnown<AdiSwapFreeFix>(site, backing);
        AssertKnown<AdiLegacy>(site, backing);
        AssertKnown<ShareFirst>(site, backing);
    }

    [Fact]
    public void EverySite_NamesWhatItIsAbout_AndHasSteps()
    {
        Assert.All(TagSiteNames.All, site => Assert.NotEmpty(site.Value));
        Assert.All(TagSiteNames.Moves.Concat(TagSiteNames.Large).Concat(TagSiteNames.InMemory), site => Assert.Contains(site, TagSiteNames.All));
        Assert.All(TagSiteNames.All.Keys, site => Assert.NotEmpty(TagSites<Sun4vM7<AdiLinux>, AdiFormat, CheckedModel>.Steps(site)));
    }

    private static void AssertKnown<TModel>(string site, Backing backing)
        where TModel : struct, IModel
    {
        string model = typeof(TModel).Name;
        string seen = Outcome<TModel>(site, backing, 0, out long allocations);
        Assert.Equal((model, 0, AdiLinuxOutcomes.Expected<TModel>(site, backing, fails: false)), (model, 0, seen));
        for (int n = 1; n <= allocations; n++)
        {
            seen = Outcome<TModel>(site, backing, n, out _);
            Assert.Equal((model, n, AdiLinuxOutcomes.Expected<TModel>(site, backing, fails: true)), (model, n, seen));
        }
    }

    /// <summary>What breaks in any step of a place, and whether tags are lost in the end.</summary>
    private static string Outcome<TModel>(string site, Backing backing, int failure, out long allocations)
        where TModel : struct, IModel
    {
        using TagWorld<Sun4vM7<AdiLinux>, AdiFormat, TModel> w = TagSites<Sun4vM7<AdiLinux>, AdiFormat, TModel>.Start(site, backing);
        var outcome = new SortedSet<string>(StringComparer.Ordinal);
        w.Storage.Faults.FailAllocation = failure;
        foreach (TagSites<Sun4vM7<AdiLinux>, AdiFormat, TModel>.Step step in TagSites<Sun4vM7<AdiLinux>, AdiFormat, TModel>.Steps(site))
        {
            // A slot with a reference that no entry has keeps swapoff looking for that entry, for ever.
            if (site.StartsWith("swapoff", StringComparison.Ordinal) && outcome.Contains("I1"))
                outcome.Add(AdiLinuxOutcomes.Endless);
            if (outcome.Contains(AdiLinuxOutcomes.Endless))
                break;
            w.Spoil();
            step(w);
            outcome.UnionWith(w.Broken());
        }

        allocations = w.Storage.Faults.Allocations;
        w.Storage.Faults.FailAllocation = 0;
        w.Spoil();
        if (!outcome.Contains(AdiLinuxOutcomes.Endless) && !w.SeesItsTags())
            outcome.Add(AdiLinuxOutcomes.Lost);
        outcome.UnionWith(w.Broken());
        return string.Join(' ', outcome);
    }

    private static void FailEverywhere<TArch, TFormat>(string site, Backing backing)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        long allocations = Run<TArch, TFormat>(site, backing, 0);
        for (int n = 1; n <= allocations; n++)
            Run<TArch, TFormat>(site, backing, n);
    }

    /// <summary>Runs the steps of a place with a check after each; returns how often tag storage was asked for.</summary>
    private static long Run<TArch, TFormat>(string site, Backing backing, int failure)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = TagSites<TArch, TFormat, CheckedModel>.Start(site, backing);
        w.Storage.Faults.FailAllocation = failure;
        int number = 0;
        foreach (TagSites<TArch, TFormat, CheckedModel>.Step step in TagSites<TArch, TFormat, CheckedModel>.Steps(site))
        {
            w.Spoil();
            step(w);
            Check(w, $"{site} with failure {failure}, step {number++}");
        }

        long allocations = w.Storage.Faults.Allocations;
        w.Storage.Faults.FailAllocation = 0;
        w.AssertSeen($"{site} with failure {failure}, at the end");
        Check(w, $"{site} with failure {failure}, at the end");
        return allocations;
    }

    private static void Check<TArch, TFormat>(TagWorld<TArch, TFormat, CheckedModel> w, string step)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        w.AssertGhosts(step);
        w.AssertSound(step);
    }
}
