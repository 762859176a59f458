using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using World = PageTableEmu.Core.Tests.Tags.TagWorld<PageTableEmu.Arch.Sparc.Adi.AdiFrameSlot, PageTableEmu.Atomics.CheckedModel>;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>Tags of the pages of huge pages: one leaf, and tags of each base page.</summary>
public class TagHugeTests
{
    private static uint Span => World.Span;

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
        using World w = New();
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

    [Fact]
    public void SplitOfTheLeafAndOfTheFolio_KeepsTags_AlsoOfPagesThatAreZero()
    {
        using World w = New();
        w.Tag(w.Process, 77, 5, 11); // its data is zero
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 5, 1, tags: true, AccessRights.Read));
        Assert.False(IsHuge(w));
        w.AssertGhosts("leaf split");
        w.AssertSound("leaf split");
        SplitFolio(w);
        Assert.True(w.Is(w.Process, 77, out uint tagged) && tagged != w.Mm.Folios.ZeroFrame);
        Assert.True(w.Is(w.Process, 78, out uint plain) && plain == w.Mm.Folios.ZeroFrame);
        w.AssertGhosts("folio split");
        w.AssertSound("folio split");
        w.AssertSeen("folio split");
    }

    [Fact]
    public void ZeroPageInTheKernelsWay_LosesTags()
    {
        using var w = new TagWorld<AdiLinux, CheckedModel>(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.HugePage));
        w.Write(w.Process, 0, 1);
        w.Tag(w.Process, 77, 5, 11);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 5, 1, tags: true, AccessRights.Read));
        SplitFolio(w);
        Assert.Equal(0u, w.TagNow(w.Process, 77, 5));
        w.AssertSound("split");
    }

    [Fact]
    public void Fork_CopiesOnePageWithItsTags()
    {
        using World w = New();
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
        using var w = new World(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        for (uint page = 0; page < 12; page++)
            w.Fill(w.Process, page * 80, (byte)(page + 1), 5 + (page % 8));
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
        using var w = new World(blocks: 8, pages: 0);
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
        using var w = new World(blocks: 8, pages: 0);
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
        using World w = New();
        w.Move(w.Process, 0, 4 * Span, Span);
        w.AssertGhosts("moved");
        w.AssertSeen("moved");
        w.AssertSound("moved");
    }

    private static bool IsHuge(World w) => w.Entry(w.Process, 0).Raw == 0 && w.Is(w.Process, 0, out _);

    /// <summary>Reclaim splits a folio of which a page was given up.</summary>
    private static void SplitFolio<TTags>(TagWorld<TTags, CheckedModel> w)
        where TTags : struct, IPageTagProvider
    {
        Assert.True(w.Is(w.Process, 0, out uint frame));
        Assert.True(w.Mm.Frames.IsLarge(frame));
        w.Mm.Frames.Get(frame);
        w.Mm.Frames.Lock(frame);
        Assert.True(new PageTableEmu.Mm.Huge.FolioSplitter<Arch.Sparc.Sun4vM7<TTags>, CheckedModel>(w.Mm).TrySplit(frame));
        w.Mm.Frames.Unlock(frame);
        w.Mm.Folios.Put(frame);
    }

    private static World New()
    {
        var w = new World(blocks: 8, pages: 0);
        w.Map(w.Process, 0, Span);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.HugePage));
        for (uint page = 0; page < 12; page++)
            w.Fill(w.Process, page * 80, (byte)(page + 1), 5 + (page % 8));
        w.AssertGhosts("filled");
        w.AssertSound("filled");
        return w;
    }
}
