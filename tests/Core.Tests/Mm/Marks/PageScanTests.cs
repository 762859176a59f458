using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using World = PageTableEmu.Core.Tests.Mm.Marks.MarksWorld<PageTableEmu.Arch.X64.X64FourLevel>;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>What pagemap shows, and scans that find pages by it and write-protect them.</summary>
public sealed class PageScanTests
{
    private const PageCategories All = (PageCategories)511;

    [Fact]
    public void PagemapWords_HaveTheKernelsLayout()
    {
        using var w = new World();
        w.Map(0, 8);
        w.Open(UserfaultFeatures.WriteProtectUnpopulated);
        Assert.Equal(MmResult.Ok, w.Register(0, 8, UserfaultModes.WriteProtect));
        w.ClearSoftDirty();
        Assert.Equal(0UL, w.Info(0).PagemapWord);
        w.Write(0, 1);
        Assert.Equal(Bits(63, 56, 55) | w.Info(0).Frame, w.Info(0).PagemapWord);
        w.Read(1);
        Assert.Equal(Bits(63) | w.Mm.Folios.ZeroFrame, w.Info(1).PagemapWord);
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 3));
        Assert.Equal(Bits(62, 57) | (1 << 5), w.Info(2).PagemapWord & ~31UL); // the type of markers depends on the configuration
        w.PageOut(0, 1);
        PageInfo swapped = w.Info(0);
        Assert.Equal(Bits(62, 57, 55) | swapped.Slot.Type | (swapped.Slot.Offset << 5), swapped.PagemapWord);
        Assert.Equal(MmResult.Ok, w.Advise(4, 1, Advice.GuardInstall));
        Assert.Equal(Bits(62, 58), w.Info(4).PagemapWord & ~FrameMask);
        Assert.Equal(MmResult.Ok, w.Machine.MapShared(w.Process, World.At(100), World.Bytes(1), World.ReadWrite));
        w.Write(100, 1);
        Assert.Equal(Bits(63, 61, 56, 55) | w.Info(100).Frame, w.Info(100).PagemapWord); // its VMA is new
        Assert.Equal(default, w.Info(50));
    }

    [Fact]
    public void AScan_FindsRegionsOfLikePages_AndHonoursItsLimit()
    {
        using var w = new World();
        w.Map(0, 16);
        w.Map(20, 4);
        w.ClearSoftDirty();
        foreach (int page in (int[])[1, 2, 3, 7, 21])
            w.Write(page, 1);
        w.PageOut(3, 1);
        w.Read(10);
        PageScanRequest request = Request(0, 24) with { Required = PageCategories.SoftDirty, Returned = All };
        List<PageRegion> found = Scan(w, request, out ulong end);
        const PageCategories Dirty = PageCategories.SoftDirty | PageCategories.Written;
        Assert.Equal(
            [
                new PageRegion(World.At(1), World.At(3), Dirty | PageCategories.Present),
                new PageRegion(World.At(3), World.At(4), Dirty | PageCategories.Swapped),
                new PageRegion(World.At(7), World.At(8), Dirty | PageCategories.Present),
                new PageRegion(World.At(21), World.At(22), Dirty | PageCategories.Present),
            ],
            found);
        Assert.Equal(World.At(24), end);
        found = Scan(w, request with { Returned = PageCategories.None, MaxPages = 3 }, out end);
        Assert.Equal([new PageRegion(World.At(1), World.At(4), PageCategories.None)], found); // alike in all that was asked
        Assert.Equal(World.At(4), end);
        found = Scan(w, Request(0, 16) with { AnyOf = PageCategories.Zero | PageCategories.Swapped, Returned = PageCategories.Zero }, out _);
        Assert.Equal([(World.At(3), PageCategories.None), (World.At(10), PageCategories.Zero)], found.Select(r => (r.Start, r.Categories)));
        PageScanRequest clean = Request(0, 16) with { Inverted = PageCategories.SoftDirty, Required = PageCategories.SoftDirty };
        Assert.Equal(12UL, Pages(Scan(w, clean, out _)));
        Assert.Equal(MmResult.Invalid, w.Machine.ScanPages(w.Process, Request(1, 1), found, out _));
    }

    /// <summary>The way to watch stores without gaps: each scan finds those since the last one.</summary>
    [Fact]
    public void AScanThatWriteProtects_FindsEachStoreOnce()
    {
        using var w = new World();
        w.Map(0, 16);
        w.Map(2 * World.Span, World.Span);
        Assert.Equal(MmResult.Ok, w.Advise(2 * World.Span, World.Span, Advice.HugePage));
        w.Write(2 * World.Span, 1);
        w.Write(1, 1);
        PageScanRequest request = Request(0, 3 * World.Span) with
        {
            Required = PageCategories.WriteProtectAllowed | PageCategories.Written,
            WriteProtectMatching = true,
        };
        Assert.Empty(Scan(w, request, out _)); // nobody is registered
        Assert.Equal(MmResult.NotPermitted, w.Machine.ScanPages(w.Process, request with { RequireAsync = true }, [], out _));
        w.Open(UserfaultFeatures.WriteProtectAsync);
        Assert.Equal(MmResult.Ok, w.Register(0, 16, UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.Register(2 * World.Span, World.Span, UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 16)); // pages that are not there, too
        Assert.Equal([(World.At(2 * World.Span), World.Bytes(World.Span))], Scan(w, request, out _).Select(r => (r.Start, r.End - r.Start)));
        Assert.True(w.Info(2 * World.Span).Has(PageInfoFlags.Huge | PageInfoFlags.UffdWp));
        Assert.Empty(Scan(w, request, out _));
        w.Write(0, 1);
        w.Write(1, 2);
        w.PageOut(1, 1);
        w.Write(9, 1);
        w.Read(10);
        w.Write((2 * World.Span) + 5, 1); // splits the huge page: only this one was written
        ulong[] expected = [World.At(0), World.At(9), World.At((2 * World.Span) + 5)];
        Assert.Equal(expected, Scan(w, request, out _).Select(r => r.Start));
        Assert.Empty(Scan(w, request, out _));
        w.Sound();
    }

    [Fact]
    public void AScanOfAPartOfAHugePage_SplitsItOnlyToProtect()
    {
        using var w = new World();
        w.Map(0, World.Span);
        Assert.Equal(MmResult.Ok, w.Advise(0, World.Span, Advice.HugePage));
        w.Write(0, 1);
        w.Open(UserfaultFeatures.WriteProtectAsync);
        Assert.Equal(MmResult.Ok, w.Register(0, World.Span, UserfaultModes.WriteProtect));
        PageScanRequest request = Request(3, 9) with { Required = PageCategories.Written, Returned = PageCategories.Huge };
        Assert.Equal([new PageRegion(World.At(3), World.At(9), PageCategories.Huge)], Scan(w, request, out _));
        Assert.True(w.Info(0).Has(PageInfoFlags.Huge));
        Assert.Equal([new PageRegion(World.At(3), World.At(9), PageCategories.None)], Scan(w, request with { WriteProtectMatching = true }, out _));
        Assert.False(w.Info(0).Has(PageInfoFlags.Huge));
        Assert.Equal((false, true, false), (w.IsProtected(2), w.IsProtected(8), w.IsProtected(9)));
        w.Sound();
    }

    private const ulong FrameMask = (1UL << 55) - 1;

    private static ulong Bits(params int[] bits) => bits.Aggregate(0UL, (word, bit) => word | (1UL << bit));

    private static ulong Pages(List<PageRegion> found) => found.Aggregate(0UL, (sum, region) => sum + ((region.End - region.Start) >> 12));

    private static PageScanRequest Request(long first, long end) => new() { Start = World.At(first), End = World.At(end) };

    private static List<PageRegion> Scan(World w, PageScanRequest request, out ulong end)
    {
        List<PageRegion> found = [];
        Assert.Equal(MmResult.Ok, w.Machine.ScanPages(w.Process, request, found, out end));
        return found;
    }
}
