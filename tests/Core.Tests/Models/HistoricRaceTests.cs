using PageTableEmu.Atomics;
using static PageTableEmu.Explore.Catalogue.RaceModels;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>
/// Races that kernels lost: with the rule of then some interruption ends wrong, with the rule of 6.18 none does. One interruption before each
/// single shared access, so these are the races with one preemption.
/// </summary>
public sealed class HistoricRaceTests
{
    [Fact]
    public void MergedPage_CopiedWithoutTheLock_LosesAStore() // 4969c1192d15
    {
        Lost(Schedules.Symptoms(() => new MergedPageCard<CopyUnlocked>()));
        Lost(Schedules.Symptoms(() => new MergedPageCard<Unverified>())); // half of the repair is none
        Assert.Empty(Schedules.Symptoms(() => new MergedPageCard<NoExclusiveMark>()));
        Assert.Empty(Schedules.Symptoms(() => new MergedPageCard<CopyUnlockedWithExclusiveMark>())); // the mark hides it: the entry differs
        Assert.Empty(Schedules.Symptoms(() => new MergedPageCard<Linux618>()));
    }

    [Fact]
    public void MergedPage_CopiedByAWriteFault_LosesNothing() => Assert.Empty(Schedules.Symptoms(() => new MergedPageCard<CopyByWriteFault>()));

    [Fact]
    public void FolioThatLeftTheCache_Unverified_LosesAStore() // 4969c1192d15
    {
        Lost(Schedules.Symptoms(() => new LeftCacheCard<Unverified>(childWritesFirst: true)));
        Lost(Schedules.Symptoms(() => new LeftCacheCard<TrustsResult>(childWritesFirst: true)));
        Assert.Empty(Schedules.Symptoms(() => new LeftCacheCard<NoExclusiveMark>(childWritesFirst: true)));
        Assert.Empty(Schedules.Symptoms(() => new LeftCacheCard<Linux618>(childWritesFirst: true)));
    }

    [Fact]
    public void FolioThatLeftTheCache_WithTheReuseRuleOf2010_ShowsAnotherProcesssData()
    {
        List<string> symptoms = Schedules.Symptoms(() => new LeftCacheCard<ReuseOf2010Unverified>(childWritesFirst: false));
        Assert.Contains(symptoms, symptom => symptom.Contains("read 3, stored 2", StringComparison.Ordinal));
        Assert.Empty(Schedules.Symptoms(() => new LeftCacheCard<ReuseOf2010>(childWritesFirst: false)));
        Assert.Empty(Schedules.Symptoms(() => new LeftCacheCard<Linux618>(childWritesFirst: false)));
    }

    [Fact]
    public void FolioUnderAnotherSlot_OnlyAskedWhetherItIsInTheCache_LosesAStore() // 31c4a3d3a0f8
    {
        Lost(Schedules.Symptoms(() => new OtherSlotCard<InCacheOnly>()));
        Assert.Empty(Schedules.Symptoms(() => new OtherSlotCard<NoExclusiveMark>()));
        Assert.Empty(Schedules.Symptoms(() => new OtherSlotCard<Linux618>()));
    }

    [Fact]
    public void DirectSwapIn_WithoutThePin_LosesAStore() // 13ddaf26be32
    {
        Lost(Schedules.Symptoms(() => new DirectCard<NoPin>(shared: false)));
        Lost(Schedules.Symptoms(() => new DirectCard<PinAfterRead>(shared: false)));
        Assert.Empty(Schedules.Symptoms(() => new DirectCard<Linux618>(shared: false)));
        Assert.Empty(Schedules.Symptoms(() => new DirectCard<AlwaysCached>(shared: false)));
        Assert.Empty(Schedules.Symptoms(() => new DirectCard<AlwaysCached73>(shared: false)));
    }

    [Fact]
    public void DirectSwapIn_OfAForgottenSlot_MapsGarbage() // 13ddaf26be32
    {
        Assert.NotEmpty(Schedules.Symptoms(() => new ForgottenContentCard<NoPin>()));
        Assert.NotEmpty(Schedules.Symptoms(() => new ForgottenContentCard<PinAfterRead>()));
        Assert.Empty(Schedules.Symptoms(() => new ForgottenContentCard<Linux618>()));
        Assert.Empty(Schedules.Symptoms(() => new ForgottenContentCard<AlwaysCached>()));
    }

    [Fact]
    public void SwapOff_ThatTakesWhateverItFinds_LosesAStore() // 68bdc8d64742
    {
        Assert.NotEmpty(Schedules.Symptoms(() => new WrongAreaCard<TakesAnyFolio>()));
        Assert.Empty(Schedules.Symptoms(() => new WrongAreaCard<Linux618>()));
    }

    [Fact]
    public void DirectSwapInOfASharedPage_WithoutThePin_LosesAStore()
    {
        Lost(Schedules.Symptoms(() => new DirectCard<SharedNoPin>(shared: true)));
        Assert.Empty(Schedules.Symptoms(() => new DirectCard<Linux618>(shared: true)));
        Assert.Empty(Schedules.Symptoms(() => new DirectCard<AlwaysCached>(shared: true)));
    }

    [Fact]
    public void LazilyFreedPage_AskedForDirtyBeforeReferences_LosesWhatADeviceWrote() // 6c8e2a256915
    {
        Assert.NotEmpty(Schedules.Symptoms(() => new LazyFreeCard<DirtyFirst>()));
        Assert.Empty(Schedules.Symptoms(() => new LazyFreeCard<Linux618>()));
        Assert.Empty(Schedules.Symptoms(() => new LazyFreeCard<ExtraReferenceEnds>()));
        Assert.Empty(Schedules.Symptoms(() => new LazyFreeCard<DirtyAfterFreeze>()));
    }

    [Fact]
    public void SharedPage_PublishedBeforeItIsCounted_IsPutOnceTooOften() // 826267cf1e6c
    {
        Assert.NotEmpty(Schedules.Symptoms(() => new TruncateCard<CountedLate>()));
        Assert.Empty(Schedules.Symptoms(() => new TruncateCard<Linux618>()));
    }

    [Fact]
    public void LockFreePin_ThatIgnoresFork_PartsFromItsPage() // 57efa1fe5957
    {
        Lost(Schedules.Symptoms(() => new PinDuringForkCard<PinIgnoresFork>()));
        Assert.Empty(Schedules.Symptoms(() => new PinDuringForkCard<Linux618>()));
    }

    [Fact]
    public void LockFreeHold_WithoutALookBack_IsOfAPageThatIsGone()
    {
        Assert.NotEmpty(Schedules.Symptoms(() => new ReplacedPageCard<PinWithoutRecheck>()));
        Assert.Empty(Schedules.Symptoms(() => new ReplacedPageCard<Linux618>()));
    }

    [Fact]
    public void Merging_ThatCountsBeforeItClears_LetsADeviceWriteASharedPage()
    {
        Assert.NotEmpty(Schedules.Symptoms(() => new HeldDuringMergeCard<MergeCountsFirst>()));
        Assert.Empty(Schedules.Symptoms(() => new HeldDuringMergeCard<Linux618>()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AreaThatIsNotPinned_CanGoDuringASwapIn_AndNothingIsLost(bool synchronous) // eb085574a752
    {
        int pinned = Harmless(() => new AreaGoneCard<Linux618>(synchronous));
        Assert.InRange(Harmless(() => new AreaGoneCard<NoAreaPin>(synchronous)), pinned + 1, int.MaxValue);
        Assert.InRange(Harmless(() => new AreaGoneCard<AlwaysCachedForgetsArea>(synchronous)), pinned + 1, int.MaxValue);
    }

    [Fact]
    public void AreaOfANeighbour_NotPinned_CanGoDuringReadahead_AndNothingIsLost() // 1c2a936edd71
    {
        using (var undisturbed = new OtherAreaGoneCard<Linux618>())
        {
            undisturbed.Observed();
            Assert.Equal(1ul, undisturbed.PagesReadAhead);
        }

        int pinned = Harmless(() => new OtherAreaGoneCard<Linux618>());
        Assert.InRange(Harmless(() => new OtherAreaGoneCard<ReadaheadWithoutAreaPin>()), pinned + 1, int.MaxValue);
    }

    [Fact]
    public void AreaThatIsNotPinned_CanGoWhileItsLastEntryIsDropped_AndNothingIsLost() // 82b1c07a0af6
    {
        int pinned = Harmless(() => new AreaGoneWhileDroppingCard<Linux618>());
        Assert.InRange(Harmless(() => new AreaGoneWhileDroppingCard<ZapWithoutAreaPin>()), pinned + 1, int.MaxValue);
    }

    /// <summary>Nothing goes wrong in any gap; returns in how many the others could go to the end.</summary>
    private static int Harmless<TModel>(Func<Card<TModel>> deal)
        where TModel : struct, IExplored
    {
        Assert.Empty(Schedules.Symptoms(deal, out int possible));
        return possible;
    }

    private static void Lost(List<string> symptoms) =>
        Assert.Contains(symptoms, symptom => symptom.Contains("read 1, stored 2", StringComparison.Ordinal)
            || symptom.Contains("read 3, stored 2", StringComparison.Ordinal));
}
