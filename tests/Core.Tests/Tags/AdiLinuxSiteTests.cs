using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// The same places with Linux's store by address, and the wrong outcome that each has there. The invariants named are those that verification
/// reports: I1 slot counts, T1 something saved that nobody can want, T4 a count below 0, X1 writable and not exclusive.
/// </summary>
public class AdiLinuxSiteTests
{
    private const uint Stale = TagWorld<AdiLinux, CheckedModel>.Stale;

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void SwapOutAndIn_KeepsTags_AsLongAsNothingElseHappens(Backing backing)
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(backing);
        w.Machine.ReclaimAll();
        w.AssertSound("out");
        w.AssertSeen("in");
        w.AssertSound("in");
        Assert.Equal(2u, w.Storage.ByAddress!.InUse); // the table, and the first range's reserve
    }

    [Fact]
    public void FailingSave_LeakedASwapReference_UntilThatWasRepaired()
    {
        Assert.Equal(["I1"], FailOneSave<AdiLegacy>());
        Assert.Empty(FailOneSave<AdiSwapFreeFix>());
        Assert.Empty(FailOneSave<CheckedModel>());
    }

    [Fact]
    public void FailingSave_AfterSharing_LeavesAWritablePageThatIsNotExclusive() => Assert.Equal(["X1"], FailOneSave<ShareFirst>());

    [Fact]
    public void ShareThatFailsAfterSave_LeaksWhatWasSaved_UnlessItIsUndone()
    {
        Assert.Equal(["T1"], FailToShare<AdiLegacy>(out uint users));
        Assert.Equal(1u, users);
        Assert.Equal(["T1"], FailToShare<AdiSwapFreeFix>(out _));
        Assert.Empty(FailToShare<CheckedModel>(out users));
        Assert.Equal(0u, users);
        Assert.Empty(FailToShare<ShareFirst>(out _));
    }

    [Fact]
    public void LeakOfAFailedShare_StaysForEver()
    {
        using TagWorld<AdiLinux, AdiSwapFreeFix> w = New<AdiSwapFreeFix>(Backing.Zram);
        Assert.False(w.UnmapByHand(w.Process, 0, pinned: true));
        w.Tag(w.Process, 0, 0, 7);
        w.Machine.ReclaimAll();
        w.AssertSeen("back");
        Assert.Equal(["T1"], w.Broken());
        w.Exit(w.Process);
        w.AssertSound("the end of the address space hides it");
    }

    [Fact]
    public void SwapOff_LosesTags_AndLeaksThem()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Machine.ReclaimAll();
        w.Spoil();
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        Assert.Equal(Stale, w.TagNow(w.Process, 0));
        Assert.Equal(["T1"], w.Broken());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ZapOfASwapEntry_Leaks_AndTheNextPageThereGetsForeignTags(bool lazily)
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Machine.ReclaimAll();
        if (lazily)
            Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 1, Advice.Free));
        else
            w.DontNeed(w.Process, 0, 1);
        w.Forget(w.Process, 0, 1);
        Assert.Equal(["T1"], w.Broken());

        // A page without tags takes the place, leaves, and finds the bytes of the one before.
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: false));
        w.Write(w.Process, 0, 9);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 1, Advice.PageOut));
        Assert.True(w.IsSwapped(w.Process, 0));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: true));
        Assert.Equal(5u, w.TagNow(w.Process, 0));
        w.AssertSound("the leak went by accident");
    }

    [Fact]
    public void ForkOfASwapEntry_GivesTheChildNoTags()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Machine.ReclaimAll();
        w.Spoil();
        uint child = w.Fork(w.Process);
        Assert.Equal(Stale, w.TagNow(child, 0));
        Assert.Equal(5u, w.TagNow(w.Process, 0)); // the parent's own restore repairs the shared frame: it depends on who comes first
        Assert.Equal(5u, w.TagNow(child, 0));
    }

    [Fact]
    public void ForkWhoseParentExits_LosesTagsForGood()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Machine.ReclaimAll();
        w.Spoil();
        uint child = w.Fork(w.Process);
        w.Exit(w.Process);
        Assert.Equal(Stale, w.TagNow(child, 0));
        w.AssertSound("nothing is left to leak");
    }

    [Fact]
    public void MoveOfASwapEntry_LosesTags_AndLeaks_UnlessItMovesBack()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Machine.ReclaimAll();
        w.Spoil();
        w.Move(w.Process, 0, 3000, 2);
        Assert.Equal(["T1"], w.Broken());
        Assert.Equal(Stale, w.TagNow(w.Process, 3000));
        w.Move(w.Process, 3001, 1, 1);
        Assert.Equal(6u, w.TagNow(w.Process, 1));
        Assert.Equal(["T1"], w.Broken());
    }

    [Fact]
    public void SharedMemory_LosesTagsInSwap()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.MapShared(w.Process, 50, 1);
        w.Fill(w.Process, 50, 1, 6);
        w.Machine.ReclaimAll();
        w.Spoil();
        Assert.Equal(Stale, w.TagNow(w.Process, 50));
    }

    [Fact]
    public void CheckSwitchedOffWhileSwapped_LeaksWhatWasSaved()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Machine.ReclaimAll();
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: false));
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 0, out _));
        Assert.Equal(["T1"], w.Broken());
    }

    [Fact]
    public void CheckSwitchedOnWhileSwapped_StealsTheNeighboursTags()
    {
        using var w = new TagWorld<AdiLinux, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, 2);
        w.Fill(w.Process, 0, 1, 5);
        w.Fill(w.Process, 1, 2, 6);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 1, 1, tags: false));
        w.Machine.ReclaimAll();
        w.Spoil();
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 1, 1, tags: true));
        Assert.Equal(0u, w.TagNow(w.Process, 1)); // never saved, restored all the same: from bytes that nobody wrote
        Assert.Equal(Stale, w.TagNow(w.Process, 0)); // and the range went with it
    }

    [Fact]
    public void CountTakenFromANeighbour_LetsTheRangeGo_WhileBothAreSaved()
    {
        using var w = new TagWorld<AdiLinux, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, 3);
        for (uint page = 0; page < 3; page++)
            w.Fill(w.Process, page, 1, 5 + page);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 1, 1, tags: false));
        w.Machine.ReclaimAll(); // two of the three are saved
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 1, 1, tags: true));
        Assert.Equal(0u, w.TagNow(w.Process, 1));
        Assert.Equal(5u, w.TagNow(w.Process, 0));
        w.Spoil();
        Assert.Equal(Stale, w.TagNow(w.Process, 2));
    }

    [Fact]
    public void FirstRangesReserve_IsLostEachTimeItIsUsedAgain()
    {
        using var w = new TagWorld<AdiLinux, CheckedModel>(pages: 1);
        w.Fill(w.Process, 0, 1, 5);
        for (uint round = 1; round <= 5; round++)
        {
            Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 1, Advice.PageOut));
            w.AssertSeen($"round {round}");
            Assert.Equal(round, w.Storage.ByAddress!.BuffersInUse);
            w.Write(w.Process, 0, (byte)round);
        }

        Assert.Equal(["T1"], w.Broken());
        w.Exit(w.Process);
        Assert.Equal(4u, w.Storage.ByAddress!.BuffersInUse); // beyond the end of the address space
    }

    [Fact]
    public void LeakedRanges_FillTheTable_AndPagesCannotBeSwappedAnyMore()
    {
        const uint Apart = 2048; // 16 MiB
        using var w = new TagWorld<AdiLinux, CheckedModel>(blocks: 1, pages: 0);
        for (uint range = 0; range <= 256; range++)
        {
            w.Map(w.Process, range * Apart, 1);
            w.Fill(w.Process, range * Apart, 1, 5);
            Assert.Equal(MmResult.Ok, w.Advise(w.Process, range * Apart, 1, Advice.PageOut));
            Assert.Equal(range < 256, w.IsSwapped(w.Process, range * Apart));
        }

        w.AssertSound("full");
        w.Unmap(w.Process, 0, 256 * Apart);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 256 * Apart, 1, Advice.PageOut));
        Assert.False(w.IsSwapped(w.Process, 256 * Apart)); // the ranges of pages that are gone are still taken
        Assert.Equal(["T1"], w.Broken());
    }

    [Fact]
    public void CopyWhileTheCheckIsOff_LosesTags()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        w.Spoil();
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: false));
        uint child = w.Fork(w.Process);
        var counters = new FaultCounters();
        Assert.Equal(UserAccessResult.Ok, w.Machine.Write(child, TagWorld<AdiLinux, CheckedModel>.At(0), [77], ref counters));
        Assert.Equal(MmResult.Ok, w.Protect(child, 0, 4, tags: true));
        Assert.Equal(Stale, w.TagNow(child, 0));
    }

    [Fact]
    public void PagesOfEqualDataAndOtherTags_AreMerged()
    {
        using var w = new TagWorld<AdiLinux, CheckedModel>();
        for (uint page = 0; page < 3; page++)
        {
            w.Write(w.Process, page, 7);
            w.Tag(w.Process, page, 0, 5 + page);
        }

        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: false));
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.Mergeable));
        w.Machine.Ksm.Scan(8);
        Assert.Equal(3, w.Machine.Ksm.MergedItems(w.Process));
    }

    [Fact]
    public void PageThatCannotBeReadAtSwapOff_Leaks()
    {
        using TagWorld<AdiLinux, CheckedModel> w = New<CheckedModel>(Backing.Zram);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 1, Advice.PageOut));
        w.Mm.Swap.Faults.FailRead = 1;
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        Assert.Equal(["T1"], w.Broken());
    }

    private static IReadOnlyList<string> FailOneSave<TModel>()
        where TModel : struct, IModel
    {
        using TagWorld<AdiLinux, TModel> w = New<TModel>(Backing.Zram);
        w.Storage.Faults.FailAllocation = 1;
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 1, Advice.PageOut));
        Assert.True(w.Is(w.Process, 0, out _));
        IReadOnlyList<string> broken = w.Broken();
        w.AssertSeen("still there");
        return broken;
    }

    private static IReadOnlyList<string> FailToShare<TModel>(out uint users)
        where TModel : struct, IModel
    {
        using TagWorld<AdiLinux, TModel> w = New<TModel>(Backing.Zram);
        Assert.False(w.UnmapByHand(w.Process, 0, pinned: true));
        var account = new Users();
        AccountFor<AdiLinux, TModel>(w, account);
        users = account.Total;
        return w.Broken();
    }

    private static void AccountFor<TTags, TModel>(TagWorld<AdiLinux, TModel> w, Users account)
        where TTags : struct, IPageTagProvider
        where TModel : struct, IModel => TTags.Account(w.Storage, w.Process, account);

    private static TagWorld<AdiLinux, TModel> New<TModel>(Backing backing)
        where TModel : struct, IModel
    {
        var w = new TagWorld<AdiLinux, TModel>(backing);
        for (uint page = 0; page < 4; page++)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + page);
        w.AssertSound("filled");
        w.AssertSeen("filled");
        return w;
    }

    private sealed class Users : ITagAccount
    {
        internal uint Total { get; private set; }

        public void Range(uint space, ulong first, ulong last, ulong pages, uint buffer) => Total += (uint)pages;
    }
}
