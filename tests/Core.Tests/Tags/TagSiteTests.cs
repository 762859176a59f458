using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// Every place where Linux loses, leaks or restores tags too late, with the provider that cannot: nothing is lost, nothing is leaked, whatever lay in
/// the frames before. The same stories with Linux's own store, and what goes wrong there, are in <see cref="AdiLinuxSiteTests"/>.
/// </summary>
public abstract class TagSiteTests<TArch, TFormat>
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
{
    public static TheoryData<Backing> Backings => [Backing.Zram, Backing.Asynchronous];

    [Theory]
    [MemberData(nameof(Backings))]
    public void SwapOutAndIn_KeepsTags(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.Machine.ReclaimAll();
        Assert.True(w.IsSwapped(w.Process, 0));
        Assert.Equal(4u, w.Storage.KeptCount);
        Check(w, "out");
        w.AssertSeen("in");
        Check(w, "in");
        w.Unmap(w.Process, 0, 16);
        w.Machine.ReclaimAll();
        Assert.Equal(0u, w.Storage.KeptCount);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void FailingSave_KeepsThePageInTheCache_AndNothingIsLost(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        for (int n = 1; n <= 4; n++)
        {
            w.Storage.Faults.FailAllocation = n;
            Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.PageOut)); // which, other than reclaim, tries once
            Check(w, $"failure {n}");
            bool struck = w.Storage.Faults.FailAllocation == 0; // a slot that keeps tags already needs no room
            Assert.True(struck ? w.Storage.KeptCount < 4 : n > 1);
            w.Storage.Faults.FailAllocation = 0;
            w.Machine.Settle();
            w.AssertSeen($"failure {n}");
            Check(w, $"back {n}");
            for (uint page = 0; page < 4; page++)
                w.Write(w.Process, page, (byte)(n + page));
        }
    }

    [Fact]
    public void NoRoomForTags_LeavesPagesWhereTheyAre()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(tagBuffers: 2);
        for (uint page = 0; page < 4; page++)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + page);
        w.Machine.ReclaimAll();
        Assert.Equal(2u, w.Storage.KeptCount);
        Check(w, "full");
        w.AssertSeen("full");
        Check(w, "back");
    }

    [Fact]
    public void ShareFailsAfterSave_NothingHasToBeUndone()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        Assert.False(w.UnmapByHand(w.Process, 0, pinned: true));
        Check(w, "pinned");
        Assert.True(w.UnmapByHand(w.Process, 0, pinned: false));
        Check(w, "unmapped");
        w.AssertSeen("back");
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void SwapOff_RestoresTags(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.Machine.ReclaimAll();
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        Assert.True(w.Is(w.Process, 0, out _));
        Assert.Equal(0u, w.Storage.KeptCount);
        Check(w, "swapoff");
        w.AssertSeen("swapoff");
    }

    [Fact]
    public void SwapOffOfAPageThatCannotBeRead_ForgetsItsTags()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Asynchronous);
        w.Machine.ReclaimAll();
        w.Mm.Swap.Faults.FailRead = 1;
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        Assert.Equal(UserAccessResult.BusError, w.TryRead(w.Process, 0, 5, out _));
        w.Forget(w.Process, 0, 1);
        Assert.Equal(0u, w.Storage.KeptCount);
        Check(w, "poisoned");
    }

    [Fact]
    public void ReadErrorOfAFault_KeepsTheTagsWithTheSlot()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        w.Machine.ReclaimAll();
        w.Mm.Swap.Faults.FailRead = 1;
        Assert.Equal(UserAccessResult.BusError, w.TryRead(w.Process, 0, 5, out _));
        Assert.True(w.IsSwapped(w.Process, 0));
        Check(w, "error");
        w.AssertSeen("second try");
    }

    [Theory]
    [InlineData(Backing.Zram, false)]
    [InlineData(Backing.Asynchronous, false)]
    [InlineData(Backing.Zram, true)]
    [InlineData(Backing.Asynchronous, true)]
    public void ZapAndLazyFreeOfSwapEntries_ForgetTags_AndANewLifeBeginsClean(Backing backing, bool lazily)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.Machine.ReclaimAll();
        if (lazily)
        {
            Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 2, Advice.Free));
            w.Forget(w.Process, 0, 2);
        }
        else
        {
            w.DontNeed(w.Process, 0, 2);
        }

        Assert.Equal(2u, w.Storage.KeptCount);
        Check(w, "zapped");
        w.Write(w.Process, 0, 9);
        Assert.Equal(0u, w.TagNow(w.Process, 0));
        w.AssertSeen("new life");
        Check(w, "new life");
    }

    [Theory]
    [InlineData(Backing.Zram, true)]
    [InlineData(Backing.Zram, false)]
    [InlineData(Backing.Asynchronous, true)]
    [InlineData(Backing.Asynchronous, false)]
    public void ForkOfSwapEntries_SharesTags_WhoeverComesFirstOrExits(Backing backing, bool parentExits)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.Machine.ReclaimAll();
        uint child = w.Fork(w.Process);
        Check(w, "fork");
        if (parentExits)
        {
            w.Exit(w.Process);
            Check(w, "exit");
            w.AssertSeen("child");
        }
        else
        {
            Assert.Equal(5u, w.TagNow(child, 0));
            w.Tag(child, 0, 0, 7);
            w.AssertSeen("both");
        }

        Check(w, "end");
        w.Exit(child);
        if (!parentExits)
            w.Exit(w.Process);
        w.Machine.ReclaimAll();
        Assert.Equal(0u, w.Storage.KeptCount);
        w.AssertSound("gone");
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void ForkOfPresentPages_CopiesTagsOnWrite(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        uint child = w.Fork(w.Process);
        w.Tag(child, 0, 3, 12);
        w.Write(w.Process, 1, 40);
        Check(w, "cow");
        w.AssertSeen("cow");
    }

    [Fact]
    public void ForkOfAPinnedPage_CopiesTagsAtOnce()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        var counters = new FaultCounters();
        ulong address = TagWorld<TArch, TFormat, CheckedModel>.At(0);
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, address, GupFlags.Pin, out uint pin, ref counters));
        uint child = w.Fork(w.Process);
        Assert.True(w.Is(child, 0, out uint copy) && copy != pin);
        w.AssertGhosts("early copy");
        w.AssertSeen("early copy");
        w.Machine.Gup.Put(pin, GupFlags.Pin);
        Check(w, "end");
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void MoveOfSwapEntries_CarriesTags(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.Machine.ReclaimAll();
        w.Move(w.Process, 0, 100, 4);
        Check(w, "moved");
        w.Move(w.Process, 100, 0, 2);
        w.AssertSeen("moved back by half");
        Check(w, "end");
    }

    [Fact]
    public void MoveOfAWholeTable_CarriesTags()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        uint span = TagWorld<TArch, TFormat, CheckedModel>.Span;
        w.Map(w.Process, 0, span);
        for (uint page = 0; page < 8; page++)
            w.Fill(w.Process, page * (span / 8), (byte)page, 5 + page % 4);
        w.Machine.Reclaim(4);
        w.Move(w.Process, 0, 4 * span, span);
        Check(w, "moved");
        w.AssertSeen("moved");
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void SharedMemory_KeepsTagsInSwap_AndThroughSwapOff(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        w.MapShared(w.Process, 50, 4);
        uint child = w.Fork(w.Process);
        w.Fill(w.Process, 50, 1, 6);
        w.Fill(w.Process, 51, 2, 7);
        w.Machine.ReclaimAll();
        Assert.False(w.Is(w.Process, 50, out _));
        Assert.Equal(6u, w.TagNow(child, 50)); // the other process brings it back
        Assert.Equal(6u, w.TagNow(w.Process, 50));
        w.AssertSound("one is back");
        w.Machine.ReclaimAll();
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        Assert.Equal(0u, w.Storage.KeptCount);
        Assert.Equal(7u, w.TagNow(child, 51));
        w.AssertSeen("swapoff");
        w.AssertSound("swapoff");
    }

    [Fact]
    public void SharedPageWhoseTagsFindNoRoom_IsNotLost()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        w.MapShared(w.Process, 50, 1);
        w.Fill(w.Process, 50, 1, 6);
        for (int n = 1; n <= 5; n++)
        {
            w.Storage.Faults.FailAllocation = n;
            w.Machine.Reclaim(100);
            w.AssertSound($"failure {n}");
            w.Storage.Faults.FailAllocation = 0;
            Assert.Equal(6u, w.TagNow(w.Process, 50));
            w.AssertSeen($"failure {n}");
        }
    }

    [Fact]
    public void SwitchingTheCheckOn_DefinesTagsOfPagesThatAreThere()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(pages: 0);
        w.Map(w.Process, 0, 4, VmaFlags.None);
        w.Write(w.Process, 0, 1);
        w.Write(w.Process, 1, 2);
        w.Machine.ReclaimAll();
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 0, out _));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: true));
        Assert.Equal(0u, w.TagNow(w.Process, 0, 77)); // page 0 was there, page 1 comes now
        Assert.Equal(0u, w.TagNow(w.Process, 1, 77));
        Assert.Equal(0u, w.TagNow(w.Process, 2, 77)); // the zero page
        Check(w, "on");
    }

    [Fact]
    public void PageReadAheadAndWrittenAgainUnmapped_DoesNotLoseTheSlotsTags()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Asynchronous);
        w.Machine.ReclaimAll();
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.WillNeed));
        var soft = w.Mm.Decode(w.Entry(w.Process, 0));
        uint cached = w.Mm.Swap.Lookup(new SwapEntry(soft.Type, soft.Offset));
        Assert.NotEqual(0u, cached);
        Assert.False(w.Storage.IsValid(cached));
        w.Mm.Frames.Set(cached, FrameFlags.Dirty); // as a compressed cache in front of the device would
        w.Mm.Folios.Put(cached);
        w.Machine.ReclaimAll();
        Check(w, "written again");
        w.AssertSeen("written again");
    }

    [Fact]
    public void OldTagsOfTheSlot_DoNotOverwriteNewerOnesOfTheFrame()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Asynchronous);
        w.Machine.ReclaimAll();
        w.AssertSeen("in, and still cached");
        w.Tag(w.Process, 0, 0, 7);
        Assert.True(w.UnmapByHand(w.Process, 0, pinned: false)); // and nobody writes it out
        Assert.True(w.IsSwapped(w.Process, 0));
        Check(w, "unmapped again");
        Assert.Equal(7u, w.TagNow(w.Process, 0));
        Check(w, "back");
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void SwappedPagesOfAMovedChild_HaveTheirTags(Backing backing)
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(backing);
        uint child = w.Fork(w.Process);
        w.Machine.ReclaimAll();
        w.Move(child, 0, 200, 4);
        Assert.Equal(5u, w.TagNow(w.Process, 0));
        Assert.Equal(5u, w.TagNow(child, 200));
        w.AssertSeen("both");
        Check(w, "both");
    }

    [Fact]
    public void Exit_LeavesNothing()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New(Backing.Zram);
        w.Machine.ReclaimAll();
        Check(w, "before");
        w.Exit(w.Process);
        Assert.Equal(0u, w.Storage.KeptCount);
        w.AssertSound("after");
    }

    private protected static UserAccessResult Store(TagWorld<TArch, TFormat, CheckedModel> w, uint process, uint page, byte value)
    {
        var counters = new FaultCounters();
        return w.Machine.Write(process, TagWorld<TArch, TFormat, CheckedModel>.At(page), [value], ref counters);
    }

    private protected static TagWorld<TArch, TFormat, CheckedModel> New(Backing backing)
    {
        var w = new TagWorld<TArch, TFormat, CheckedModel>(backing);
        for (uint page = 0; page < 4; page++)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + page);
        Check(w, "filled");
        w.AssertSeen("filled");
        return w;
    }

    private protected static void Check(TagWorld<TArch, TFormat, CheckedModel> w, string step)
    {
        w.AssertGhosts(step);
        w.AssertSound(step);
    }
}
