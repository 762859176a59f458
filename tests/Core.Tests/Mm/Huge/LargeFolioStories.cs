using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>What becomes of large folios that are mapped page by page when memory is shared, given up in part, moved, pinned, merged.</summary>
public abstract class LargeFolioStories<TArch>
    where TArch : struct, IArchitecture
{
    private const int Order = 4;
    private const uint Pages = 1 << Order;

    [Fact]
    public void AfterFork_AStoreCopiesOnePage_AndTheRestStaysShared()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        uint child = rig.Machine.Fork(rig.Space);
        Assert.Equal((2 * Pages, 2 * Pages), (rig.Mm.Frames.FolioMappings(head), rig.Mm.Frames.References(head)));
        rig.Write(5, 200);
        Assert.Equal(0, rig.Mm.Frames.OrderOf(rig.FrameAt(5)));
        Assert.Equal(head + 5, rig.FrameAt(5, child));
        Assert.Equal(head + 6, rig.FrameAt(6));
        AssertFilled(rig, child);
        rig.AssertSound();
    }

    [Fact]
    public void WhenTheChildIsGone_ThePagesAreReused_ButTheLastOneIsCopied()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        rig.Machine.Exit(rig.Machine.Fork(rig.Space));
        rig.Write(3, 7);
        Assert.Equal(head + 3, rig.FrameAt(3));
        Assert.True(rig.Mm.Frames.Has(head + 3, FrameFlags.AnonExclusive));
        Assert.False(rig.Mm.Frames.Has(head + 4, FrameFlags.AnonExclusive));
        rig.Advise(0, Pages - 1, Advice.DontNeed);
        Assert.Equal(1u, rig.Mm.Frames.FolioMappings(head));
        rig.Write(Pages - 1, 9); // a copy lets all of the folio go
        Assert.Equal(0, rig.Mm.Frames.OrderOf(rig.FrameAt(Pages - 1)));
        Assert.Equal(0u, rig.Mm.Frames.References(head));
        rig.AssertSound();
    }

    [Fact]
    public void AForeignReference_MakesEveryStoreCopy()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        rig.Machine.Exit(rig.Machine.Fork(rig.Space));
        uint held = rig.Hold(9, GupFlags.Get);
        rig.Write(2, 77);
        Assert.NotEqual(head + 2, rig.FrameAt(2));
        rig.AssertSound(new Dictionary<uint, uint> { [held] = 1 });
        rig.Machine.Gup.Put(held, GupFlags.Get);
        rig.AssertSound();
    }

    [Fact]
    public void APinnedFolio_StaysTheParents_AndTheChildGetsCopies()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        const GupFlags Flags = GupFlags.Pin | GupFlags.Write;
        uint pinned = rig.Hold(9, Flags);
        uint child = rig.Machine.Fork(rig.Space);
        for (uint page = 0; page < Pages; page++)
        {
            Assert.Equal(head + page, rig.FrameAt(page));
            Assert.True(rig.Mm.Frames.Has(head + page, FrameFlags.AnonExclusive));
            Assert.Equal(0, rig.Mm.Frames.OrderOf(rig.FrameAt(page, child)));
        }

        rig.Write(9, 55);
        Assert.Equal(55, rig.Mm.Frames.Bytes(pinned)[0]);
        Assert.Equal(HugeMachine<TArch>.Value(9), rig.Read(9, child));
        rig.AssertSound(new Dictionary<uint, uint> { [pinned] = 1 });
        Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.PageOut));
        Assert.Equal(head, rig.FrameAt(0)); // a pinned folio goes nowhere
        rig.Machine.Gup.Put(pinned, Flags);
        rig.AssertSound();
    }

    [Fact]
    public void AFolioThatIsGivenUpInPart_WaitsToBeSplit_AndReclaimSplitsIt()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        Assert.Equal(MmResult.Ok, rig.Advise(4, 8, Advice.DontNeed));
        Assert.Equal(1u, rig.Mm.Frames.DeferredSplits.Count);
        Assert.True(rig.Mm.Frames.Has(head, FrameFlags.PartiallyMapped));
        rig.AssertSound();
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area)); // so that reclaim can do nothing else
        rig.Machine.ReclaimAll();
        Assert.Equal((0u, free + 8), (rig.Mm.Frames.DeferredSplits.Count, rig.Mm.Folios.Allocator.FreeCount));
        Assert.Equal((head, 0), (rig.FrameAt(0), rig.Mm.Frames.OrderOf(head)));
        for (uint page = 0; page < Pages; page++)
            Assert.Equal(page is >= 4 and < 12 ? (byte)0 : HugeMachine<TArch>.Value(page), rig.Read(page));
        rig.AssertSound();
    }

    [Fact]
    public void AFolioThatIsGivenUp_LeavesTheListOfThoseToBeSplit()
    {
        using HugeMachine<TArch> rig = Filled();
        rig.Advise(4, 8, Advice.DontNeed);
        Assert.Equal(1u, rig.Mm.Frames.DeferredSplits.Count);
        rig.Advise(0, Pages, Advice.DontNeed);
        Assert.Equal(0u, rig.Mm.Frames.DeferredSplits.Count);
        rig.AssertSound();
    }

    /// <summary>
    /// A folio that is taken apart for a migration looks like one that was given up in part, and does not look different when it is put together
    /// again: Linux keeps the mark, and splits the folio when memory is short.
    /// </summary>
    [Fact]
    public void AFolioThatCouldNotMigrate_WaitsToBeSplit()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        uint held = rig.Hold(9, GupFlags.Get);
        Assert.Equal(Pages, (uint)rig.Machine.Migrate(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(Pages)).InUse);
        Assert.Equal((head, Order), (rig.FrameAt(0), rig.Mm.Frames.OrderOf(head)));
        rig.AssertSound(new Dictionary<uint, uint> { [held] = 1 });
        Assert.True(rig.Mm.Frames.Has(head, FrameFlags.PartiallyMapped));
        Assert.Equal(1u, rig.Mm.Frames.DeferredSplits.Count);
        rig.Machine.Gup.Put(held, GupFlags.Get);
        AssertFilled(rig);
        rig.AssertSound();
    }

    [Fact]
    public void AFolioThatMigrates_LeavesWhatItWaitedForBehind()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        uint held = rig.Hold(9, GupFlags.Get);
        rig.Machine.Migrate(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(Pages));
        rig.Machine.Gup.Put(held, GupFlags.Get);
        Assert.Equal(1u, rig.Mm.Frames.DeferredSplits.Count);
        uint target = rig.Mm.Tags.TryAllocateLarge(Order, zeroed: false);
        rig.Mm.Frames.Get(head);
        Assert.Equal(MigrationResult.Moved, rig.Machine.Migrator.Move(head, target, MigrationMode.Sync));
        rig.Mm.Folios.Put(head);
        Assert.Equal((target, Order), (rig.FrameAt(0), rig.Mm.Frames.OrderOf(target)));
        Assert.False(rig.Mm.Frames.Has(target, FrameFlags.PartiallyMapped));
        Assert.Equal(0u, rig.Mm.Frames.DeferredSplits.Count);
        AssertFilled(rig);
        rig.AssertSound();
    }

    [Fact]
    public void AFolioThatWasGivenUpInPart_IsSplit_AndItsPagesMigrate()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        Assert.Equal(MmResult.Ok, rig.Advise(4, 8, Advice.DontNeed));
        MigrationCounts counts = rig.Machine.Migrate(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(Pages));
        Assert.Equal(new MigrationCounts { Moved = Pages - 8, NotPresent = 8 }, counts);
        Assert.Equal((0, 0u), (rig.Mm.Frames.OrderOf(rig.FrameAt(0)), rig.Mm.Frames.DeferredSplits.Count));
        Assert.NotEqual(head, rig.FrameAt(0));
        for (uint page = 0; page < Pages; page++)
            Assert.Equal(page is >= 4 and < 12 ? (byte)0 : HugeMachine<TArch>.Value(page), rig.Read(page));
        rig.AssertSound();
    }

    [Fact]
    public void AllocationsThatFindNoFrame_GetThoseOfPartiallyMappedFolios()
    {
        using HugeMachine<TArch> rig = LargeFolioRig.With<TArch>(Backing.Zram, Order);
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area));
        uint all = rig.Mm.Folios.Allocator.FreeCount / Pages * Pages;
        rig.Map(0, all * 2);
        var counters = new FaultCounters();
        uint mapped = 0;
        for (; mapped < all * 2; mapped += Pages)
        {
            if (rig.Machine.Write(rig.Space, HugeMachine<TArch>.At(mapped), [1], ref counters) != UserAccessResult.Ok)
                break;
            rig.Advise(mapped + 1, Pages - 1, Advice.DontNeed);
        }

        Assert.True(mapped > all, $"Only {mapped} of {all} pages could be mapped, although each folio has one page in use.");
        rig.AssertSound();
    }

    [Theory]
    [InlineData(Advice.Free)]
    [InlineData(Advice.Cold)]
    [InlineData(Advice.PageOut)]
    public void AdviceForAPart_SplitsAFolioThatNobodyElseHas(Advice advice)
    {
        using HugeMachine<TArch> rig = Filled();
        Assert.Equal(MmResult.Ok, rig.Advise(4, 3, advice));
        Assert.Equal(0, rig.Mm.Frames.OrderOf(rig.FrameAt(0)));
        AssertFilled(rig);
        rig.AssertSound();
    }

    [Theory]
    [InlineData(Advice.Free)]
    [InlineData(Advice.Cold)]
    [InlineData(Advice.PageOut)]
    public void AdviceForAPart_LeavesASharedFolioAlone(Advice advice)
    {
        using HugeMachine<TArch> rig = Filled();
        uint child = rig.Machine.Fork(rig.Space);
        uint head = rig.FrameAt(0);
        Assert.Equal(MmResult.Ok, rig.Advise(4, 3, advice));
        Assert.Equal(Order, rig.Mm.Frames.OrderOf(head));
        Assert.Equal(head + 4, rig.FrameAt(4));
        AssertFilled(rig, child);
        AssertFilled(rig);
        rig.AssertSound();
    }

    [Fact]
    public void AWholeFolio_FreedLazily_IsDropped_UnlessItIsWrittenAgain()
    {
        foreach (bool again in (bool[])[false, true])
        {
            using HugeMachine<TArch> rig = Filled();
            Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.Free));
            Assert.Equal(Order, rig.Mm.Frames.OrderOf(rig.FrameAt(0)));
            Assert.False(rig.Mm.Frames.Has(rig.FrameAt(0), FrameFlags.SwapBacked));
            if (again)
                rig.Write(7, HugeMachine<TArch>.Value(7));
            rig.Machine.ReclaimAll();
            for (uint page = 0; page < Pages; page++)
                Assert.Equal(again ? HugeMachine<TArch>.Value(page) : 0, rig.Read(page));
            rig.AssertSound();
        }
    }

    [Fact]
    public void AMovedHalf_StaysPartOfTheFolio()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        ulong target = HugeMachine<TArch>.At(3 * HugeMachine<TArch>.Span - 3); // across the end of a table
        Assert.Equal(MmResult.Ok, rig.Machine.Move(
            rig.Space, HugeMachine<TArch>.At(Pages / 2), target, HugeMachine<TArch>.Bytes(Pages / 2)));
        uint moved = (3 * HugeMachine<TArch>.Span) - 3;
        Assert.Equal(head + (Pages / 2), rig.FrameAt(moved));
        Assert.Equal(0u, rig.Mm.Frames.DeferredSplits.Count);
        rig.Machine.ReclaimAll();
        Assert.Equal(0u, rig.FrameAt(moved));
        rig.AssertSound();
        rig.AssertFilled(moved, Pages / 2, Pages / 2);
        rig.AssertFilled(0, Pages / 2);
        rig.AssertSound();
    }

    [Fact]
    public void AProtectedPart_IsReusedWithoutACopy()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        Assert.Equal(MmResult.Ok, rig.Protect(3, 5, AccessRights.Read));
        Assert.Equal(Order, rig.Mm.Frames.OrderOf(head));
        Assert.Equal(MmResult.Ok, rig.Protect(3, 5, AccessRights.Read | AccessRights.Write));
        rig.Write(4, 99);
        Assert.Equal(head + 4, rig.FrameAt(4));
        rig.AssertSound();
    }

    [Fact]
    public void ALockedFolio_StaysInMemory()
    {
        using HugeMachine<TArch> rig = Filled();
        uint head = rig.FrameAt(0);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Lock(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(Pages), ref counters));
        Assert.Equal(1u, rig.Mm.Frames[head].Count); // once for the folio, not once for each page
        rig.Machine.ReclaimAll();
        Assert.Equal(head, rig.FrameAt(0));
        Assert.Equal(MmResult.Ok, rig.Machine.Unlock(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(Pages)));
        Assert.False(rig.Mm.Frames.Has(head, FrameFlags.Mlocked));
        rig.Machine.ReclaimAll();
        Assert.Equal(0u, rig.FrameAt(0));
        AssertFilled(rig);
        rig.AssertSound();
    }

    [Fact]
    public void EqualPagesOfOneFolio_AreMerged_WhenItIsSplit()
    {
        using HugeMachine<TArch> rig = LargeFolioRig.With<TArch>(Backing.Zram, Order);
        rig.Map(0, Pages);
        AssertMerged(rig, Pages);
    }

    /// <summary>A scan sees the pages behind a huge leaf too and splits the folio to merge them.</summary>
    [Fact]
    public void EqualPagesOfAHugePage_AreMerged()
    {
        using HugeMachine<TArch> rig = new();
        rig.Map(0, HugeMachine<TArch>.Span);
        rig.Write(0, 42);
        Assert.True(rig.IsHuge(0));
        AssertMerged(rig, HugeMachine<TArch>.Span);
    }

    [Fact]
    public void PagesOfTwoFolios_AreMerged()
    {
        using HugeMachine<TArch> rig = LargeFolioRig.With<TArch>(Backing.Zram, Order);
        rig.Map(0, 2 * Pages);
        for (uint page = 0; page < 2 * Pages; page++)
            rig.Write(page, HugeMachine<TArch>.Value(page % Pages));
        Assert.Equal(MmResult.Ok, rig.Advise(0, 2 * Pages, Advice.Mergeable));
        rig.Machine.Ksm.Scan(4);
        for (uint page = 0; page < Pages; page++)
        {
            Assert.Equal(rig.FrameAt(page), rig.FrameAt(Pages + page));
            Assert.True(rig.Mm.Frames.Has(rig.FrameAt(page), FrameFlags.Ksm));
        }

        rig.AssertFilled(0, Pages);
        rig.AssertSound();
    }

    private static void AssertMerged(HugeMachine<TArch> rig, uint pages)
    {
        for (uint page = 0; page < pages; page++)
            rig.Write(page, 42);
        Assert.Equal(MmResult.Ok, rig.Advise(0, pages, Advice.Mergeable));
        rig.Machine.Ksm.Scan(4);
        const uint MostSharers = 256; // of one merged frame
        var merged = new HashSet<uint>();
        for (uint page = 0; page < pages; page++)
        {
            merged.Add(rig.FrameAt(page));
            Assert.True(rig.Mm.Frames.Has(rig.FrameAt(page), FrameFlags.Ksm));
            Assert.Equal(42, rig.Read(page));
        }

        Assert.Equal((pages + MostSharers - 1) / MostSharers, (uint)merged.Count);
        rig.AssertSound();
        rig.Write(1, 43);
        Assert.Equal((42, 43), (rig.Read(0), rig.Read(1)));
        rig.AssertSound();
    }

    private static HugeMachine<TArch> Filled(Backing backing = Backing.Zram)
    {
        HugeMachine<TArch> rig = LargeFolioRig.With<TArch>(backing, Order);
        rig.Map(0, Pages);
        for (uint page = 0; page < Pages; page++)
            rig.Write(page, HugeMachine<TArch>.Value(page));
        Assert.Equal(Order, rig.Mm.Frames.OrderOf(rig.FrameAt(0)));
        return rig;
    }

    private static void AssertFilled(HugeMachine<TArch> rig, uint space = 0) => rig.AssertFilled(0, Pages, 0, space);
}

public sealed class X64LargeFolioStories : LargeFolioStories<X64FourLevel>;

public sealed class Sun4vLargeFolioStories : LargeFolioStories<Sun4v>;
