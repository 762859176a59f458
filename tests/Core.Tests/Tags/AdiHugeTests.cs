using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Tags;

/// <inheritdoc/>
public sealed class AdiHugeTests : TagHugeTests<Sun4vM7<AdiFrameSlot>, AdiFormat>
{
    /// <summary>
    /// A cluster of slots is smaller than a huge page here, so that reclaim splits it; the pages leave one by one, with failures too.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(12)]
    public void SwapOfAHugePage_KeepsTheTagsOfEachPage(int failure)
    {
        using TagWorld<Sun4vM7<AdiFrameSlot>, AdiFormat, CheckedModel> w = New();
        Assert.True(IsHuge(w));
        w.Storage.Faults.FailAllocation = failure;
        w.Machine.Reclaim(1);
        Assert.Equal(0, w.Storage.Faults.FailAllocation);
        Assert.Equal(failure == 0 ? 12u : 11u, w.Storage.KeptCount);
        w.AssertGhosts("out");
        w.AssertSound("out");
        w.AssertSeen("in");
        w.AssertSound("in");
    }

    /// <summary>An entry for each page is there before the split, so each of them is saved, and none is ever asked for again.</summary>
    [Fact]
    public void ZeroPageInTheKernelsWay_LosesTags_AndEachEntryLeaksOnce()
    {
        using var w = new TagWorld<AdiLinux, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.HugePage));
        w.Write(w.Process, 0, 1);
        w.Tag(w.Process, 77, 5, 11);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 5, 1, tags: true, AccessRights.Read));
        TagHuge.SplitFolio(w);
        Assert.Equal(0u, w.TagNow(w.Process, 77, 5));
        Assert.Equal(["T1"], w.Broken());
    }
}
