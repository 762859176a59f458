using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>Tags of the pages of huge pages: one leaf, and tags of each base page.</summary>
public abstract class TagHugeTests<TArch, TFormat>
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
{
    private protected static uint Span => TagWorld<TArch, TFormat, CheckedModel>.Span;

    [Fact]
    public void SplitOfTheLeafAndOfTheFolio_KeepsTags_AlsoOfPagesThatAreZero()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New();
        w.Tag(w.Process, 77, 5, 11); // its data is zero
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 5, 1, tags: true, AccessRights.Read));
        Assert.False(IsHuge(w));
        w.AssertGhosts("leaf split");
        w.AssertSound("leaf split");
        SplitFolio(w);
        Assert.True(w.Is(w.Process, 77, out uint tagged) && tagged != w.Mm.Folios.ZeroFrame);
        Assert.True(w.Is(w.Process, 78, out uint plain));
        Assert.Equal(!TFormat.NeverMergesTagged, plain == w.Mm.Folios.ZeroFrame); // with MTE no tagged page ever equals another one
        w.AssertGhosts("folio split");
        w.AssertSound("folio split");
        w.AssertSeen("folio split");
    }

    [Fact]
    public void Fork_CopiesOnePageWithItsTags()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New();
        uint child = w.Fork(w.Process);
        w.Tag(child, 3, 9, 14);
        w.Write(w.Process, 100, 9);
        w.AssertGhosts("cow");
        w.AssertSeen("cow");
        w.AssertSound("cow");
    }

    [Fact]
    public void Collapse_CopiesTags_OfPagesInMemoryAndInSwap()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        for (uint page = 0; page < 12; page++)
            w.Fill(w.Process, page * (Span / 12), (byte)(page + 1), 5 + (page % 8));
        w.Machine.Reclaim(5);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.Collapse));
        Assert.True(IsHuge(w));
        w.AssertGhosts("collapsed");
        w.AssertSound("collapsed");
        w.AssertSeen("collapsed");
    }

    [Fact]
    public void SwitchingTheCheckOn_DefinesTagsOfAllPages()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span, VmaFlags.None);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.HugePage));
        w.Write(w.Process, 0, 1);
        Assert.True(IsHuge(w));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, Span, tags: true));
        Assert.True(IsHuge(w));
        w.AssertSound("on");
        Assert.Equal(0u, w.TagNow(w.Process, Span - 1, 127));
        w.AssertSeen("on");
    }

    [Fact]
    public void HugeZeroPage_HasNoTags_AndItsCopyNeither()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.HugePage));
        Assert.Equal(0u, w.TagNow(w.Process, 9, 9));
        w.AssertSound("zero");
        w.Tag(w.Process, 9, 9, 3);
        Assert.Equal(0u, w.TagNow(w.Process, 10, 9));
        w.AssertSound("own");
    }

    [Fact]
    public void MoveOfAHugePage_CarriesTags()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New();
        w.Move(w.Process, 0, 4 * Span, Span);
        w.AssertGhosts("moved");
        w.AssertSeen("moved");
        w.AssertSound("moved");
    }

    /// <summary>In one piece where the architecture has such entries, page by page elsewhere.</summary>
    [Fact]
    public void MigrationOfAHugePage_CarriesTagsOfAllPages()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New();
        w.Tag(w.Process, 77, 5, 11);
        Assert.Equal(0u, w.Migrate(w.Process, 0, Span).Failed);
        Assert.Equal(!TArch.IsPresent(TArch.EncodeSwap(1, 1), 2), IsHuge(w));
        w.AssertGhosts("moved");
        w.AssertSound("moved");
        w.AssertSeen("moved");
    }

    [Fact]
    public void UserfaultMoveOfAHugePage_CarriesTags_AndDefinesThemWhereTheyAreChecked()
    {
        using TagWorld<TArch, TFormat, CheckedModel> w = New();
        w.Map(w.Process, 2 * Span, Span, VmaFlags.None);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 2 * Span, Span, Advice.HugePage));
        w.Write(w.Process, 2 * Span, 1);
        w.MapForUserfault(w.Process, 8 * Span, 4 * Span);
        Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 0, 8 * Span, Span));
        Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 2 * Span, 10 * Span, Span));
        w.AssertGhosts("moved");
        w.AssertSound("moved");
        w.AssertSeen("moved");
        Assert.Equal(0u, w.TagNow(w.Process, (11 * Span) - 1, 3));
    }

    [Fact]
    public void Compaction_CarriesTags()
    {
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, 5 * Span);
        for (uint page = 0; page < 5 * Span; page += Span)
            w.Write(w.Process, page, 1); // the tables come first, so that the other blocks have none
        for (uint page = 0; page < 5 * Span; page++)
            w.Write(w.Process, page, 1);
        for (uint page = 0; page < 5 * Span; page += 16)
        {
            w.Fill(w.Process, page, 2, 5 + (page / 16 % 8));
            w.DontNeed(w.Process, page + 1, 15);
        }

        w.Machine.Settle();
        w.Mm.Folios.Allocator.ReturnCaches();
        Assert.NotEqual(0u, w.Machine.Compact().PagesMoved);
        w.AssertGhosts("compact");
        w.AssertSound("compact");
        w.AssertSeen("compact");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void LargeFolio_IsFaulted_SwappedAndMovedWithTheTagsOfEachPage(int failure)
    {
        const int Order = 4;
        using var w = new TagWorld<TArch, TFormat, CheckedModel>(blocks: 8, pages: 0);
        w.Machine.FolioOrders.Set(FolioOrders<TArch, CheckedModel>.Huge, FolioOrderPolicy.Never);
        w.Machine.FolioOrders.Set(Order, FolioOrderPolicy.Always);
        w.Map(w.Process, 0, 32);
        for (uint page = 0; page < 32; page += 3)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + (page % 8));
        Assert.True(w.Is(w.Process, 3, out uint frame) && w.Mm.Frames.OrderOf(frame) == Order);
        w.AssertSound("faulted");
        Assert.Equal(32u, w.Migrate(w.Process, 0, 32).Moved);
        w.AssertGhosts("moved");
        w.Storage.Faults.FailAllocation = failure;
        w.Machine.ReclaimAll();
        w.AssertGhosts("out");
        w.AssertSound("out");
        w.Storage.Faults.FailAllocation = 0;
        w.AssertSeen("in");
        w.AssertGhosts("in");
        w.AssertSound("in");
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        w.AssertGhosts("swapoff");
        w.AssertSound("swapoff");
    }

    private protected static bool IsHuge(TagWorld<TArch, TFormat, CheckedModel> w) => w.Entry(w.Process, 0).Raw == 0 && w.Is(w.Process, 0, out _);

    private protected static void SplitFolio(TagWorld<TArch, TFormat, CheckedModel> w) => TagHuge.SplitFolio(w);

    private protected static TagWorld<TArch, TFormat, CheckedModel> New()
    {
        var w = new TagWorld<TArch, TFormat, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.HugePage));
        for (uint page = 0; page < 12; page++)
            w.Fill(w.Process, page * (Span / 12), (byte)(page + 1), 5 + (page % 8));
        w.AssertGhosts("filled");
        w.AssertSound("filled");
        return w;
    }
}
