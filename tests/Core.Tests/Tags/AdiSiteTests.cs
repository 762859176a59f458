using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>The sites with ADI, whose check comes and goes with mprotect and excludes merging.</summary>
public sealed class AdiSiteTests : TagSiteTests<Sun4vM7<AdiFrameSlot>, AdiFormat>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TagsOutliveACheckThatIsSwitchedOff(bool whileSwapped)
    {
        using TagWorld<Sun4vM7<AdiFrameSlot>, AdiFormat, CheckedModel> w = New(Backing.Zram);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: whileSwapped));
        w.Machine.ReclaimAll();
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: !whileSwapped));
        for (uint page = 0; page < 2; page++)
            Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, page, whileSwapped ? 0 : 5 + page, out _));
        Check(w, "in");
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: true));
        Check(w, "on");
        w.AssertSeen("on");
    }

    [Fact]
    public void CopyWhileTheCheckIsOff_KeepsTags()
    {
        using TagWorld<Sun4vM7<AdiFrameSlot>, AdiFormat, CheckedModel> w = New(Backing.Zram);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: false));
        uint child = w.Fork(w.Process);
        Assert.Equal(UserAccessResult.Ok, Store(w, child, 0, 77));
        Assert.Equal(MmResult.Ok, w.Protect(child, 0, 4, tags: true));
        Assert.Equal(5u, w.TagNow(child, 0));
        w.AssertSound("on again");
    }

    /// <summary>Two entries of one slot, at other indices: a swapped page that had been merged (ksm_might_need_to_copy).</summary>
    [Theory]
    [MemberData(nameof(Backings))]
    public void CopyOfAFolioThatBelongsElsewhere_HasItsTags(Backing backing)
    {
        using var w = new TagWorld<Sun4vM7<AdiFrameSlot>, AdiFormat, CheckedModel>(backing);
        w.Fill(w.Process, 0, 7, 5);
        w.Fill(w.Process, 1, 7, 5);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: false));
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 2, Advice.Mergeable));
        w.Machine.Ksm.Scan(8);
        w.Machine.ReclaimAll();
        Assert.Equal(w.Entry(w.Process, 0), w.Entry(w.Process, 1));
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 2, Advice.Unmergeable));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: true));
        w.Spoil();
        w.AssertSeen("in");
        Assert.True(w.Is(w.Process, 0, out uint one) & w.Is(w.Process, 1, out uint two));
        Assert.NotEqual(one, two);
        Check(w, "in");
    }

    [Fact]
    public void PagesOfEqualDataAndOtherTags_AreNotMerged()
    {
        using var w = new TagWorld<Sun4vM7<AdiFrameSlot>, AdiFormat, CheckedModel>();
        for (uint page = 0; page < 3; page++)
        {
            w.Write(w.Process, page, 7);
            w.Tag(w.Process, page, 0, page == 2 ? 6u : 5u);
        }

        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.Mergeable)); // passed over without a word
        w.Machine.Ksm.Scan(4);
        Assert.Equal(0, w.Machine.Ksm.MergedItems(w.Process));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: false));
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.Mergeable));
        Assert.Equal(MmResult.Invalid, w.Protect(w.Process, 0, 4, tags: true)); // and the other way
        w.Machine.Ksm.Scan(8);
        Assert.Equal(2, w.Machine.Ksm.MergedItems(w.Process));
        Check(w, "merged");
    }
}
