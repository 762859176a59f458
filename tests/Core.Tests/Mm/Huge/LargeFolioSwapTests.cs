using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Large folios on their way to swap and back: whole where a synchronous area takes them, else page by page.</summary>
public class LargeFolioSwapTests
{
    private const int Order = 4;
    private const uint Pages = 1 << Order;

    [Fact]
    public void AnAreaWithoutSynchronousWrites_TakesThePagesOneByOne()
    {
        using HugeMachine<X64FourLevel> rig = Filled(Backing.Asynchronous);
        Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.PageOut));
        for (uint page = 0; page < Pages; page++)
        {
            uint cached = rig.Mm.Swap.Lookup(SlotAt(rig, page));
            Assert.Equal(0, rig.Mm.Frames.OrderOf(cached));
            rig.Mm.Folios.Put(cached);
        }

        rig.AssertSound();
        rig.AssertFilled(0, Pages);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(Order)]
    [InlineData(8)]
    public void AFolioInTheSwapCache_CanMove(int order)
    {
        uint pages = 1u << order;
        using HugeMachine<X64FourLevel> rig = Filled(Backing.Zram, order);
        uint head = rig.FrameAt(0);
        rig.Mm.Swap.Faults.FailWrite = 1; // it is unmapped by then, and stays in the cache
        Assert.Equal(MmResult.Ok, rig.Advise(0, pages, Advice.PageOut));
        Assert.True(rig.Mm.Frames.Has(head, FrameFlags.SwapCache));
        uint before = rig.Mm.Swap.Lookup(SlotAt(rig, 0));
        uint target = rig.Mm.Folios.TryAllocateLarge(order, zeroed: false);
        Assert.Equal(MigrationResult.Moved, rig.Machine.Migrator.Move(before, target, MigrationMode.Sync));
        rig.Mm.Folios.Put(before);
        uint after = rig.Mm.Swap.Lookup(SlotAt(rig, pages - 1));
        Assert.Equal(target, rig.Mm.Frames.HeadOf(after));
        rig.Mm.Folios.Put(after);
        rig.AssertSound();
        rig.AssertFilled(0, pages);
        rig.AssertSound();
    }

    [Fact]
    public void ASynchronousArea_TakesAFolioWhole_InAlignedNeighbouringSlots()
    {
        for (int order = 2; order < FolioOrders<X64FourLevel, CheckedModel>.Huge; order++)
        {
            uint pages = 1u << order;
            using HugeMachine<X64FourLevel> rig = Filled(Backing.Zram, order);
            rig.Map(4 * pages, pages); // a second one, to lie beside the first in its cluster
            rig.FillPages(4 * pages, pages);
            Assert.Equal(MmResult.Ok, rig.Advise(0, pages, Advice.PageOut));
            Assert.Equal(MmResult.Ok, rig.Advise(4 * pages, pages, Advice.PageOut));
            SwapEntry first = SlotAt(rig, 0);
            Assert.Equal(0ul, first.Offset % pages);
            for (uint page = 0; page < pages; page++)
            {
                Assert.Equal(new SwapEntry(first.Type, first.Offset + page), SlotAt(rig, page));
                Assert.Equal(new SwapEntry(first.Type, first.Offset + pages + page), SlotAt(rig, (4 * pages) + page));
            }

            Assert.Equal(2 * pages, (uint)rig.Mm.Swap.PagesWritten);
            rig.AssertSound();
            rig.AssertFilled(0, pages);
            rig.AssertFilled(4 * pages, pages);
            rig.AssertSound();
            Assert.Equal(0ul, rig.Mm.Swap.TotalInUse);
        }
    }

    [Fact]
    public void OneFault_BringsAFolioBackWhole()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        var counters = new FaultCounters();
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, rig.Machine.Read(rig.Space, HugeMachine<X64FourLevel>.At(6), one, ref counters));
        Assert.Equal((0, 1), (counters.Minor, counters.Major));
        uint head = rig.FrameAt(0);
        Assert.Equal(Order, rig.Mm.Frames.OrderOf(head));
        for (uint page = 0; page < Pages; page++)
        {
            Assert.Equal(head + page, rig.FrameAt(page));
            Assert.True(rig.Mm.Frames.Has(head + page, FrameFlags.AnonExclusive));
        }

        Assert.Equal(0ul, rig.Mm.Swap.TotalInUse);
        Assert.Equal(Pages, (uint)rig.Mm.Swap.PagesRead);
        rig.AssertSound();
        rig.AssertFilled(0, Pages);
        rig.Write(3, 9);
        Assert.Equal(head + 3, rig.FrameAt(3));
    }

    [Fact]
    public void AWriteFault_BringsItBackWhole_AndDirty()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        rig.Write(6, 60);
        Assert.Equal(Order, rig.Mm.Frames.OrderOf(rig.FrameAt(0)));
        rig.Machine.ReclaimAll();
        Assert.Equal(60, rig.Read(6));
        Assert.Equal(HugeMachine<X64FourLevel>.Value(7), rig.Read(7));
        rig.AssertSound();
    }

    [Fact]
    public void ZeroPages_ComeBackWholeWithoutARead()
    {
        using HugeMachine<X64FourLevel> rig = LargeFolioRig.With<X64FourLevel>(Backing.Zram, Order);
        rig.Map(0, Pages);
        rig.Write(0, 0);
        Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.PageOut));
        Assert.True(rig.Mm.Swap.IsZero(SlotAt(rig, 0)));
        Assert.Equal(0, rig.Read(5));
        Assert.Equal((Order, 0ul, 0ul), (rig.Mm.Frames.OrderOf(rig.FrameAt(0)), rig.Mm.Swap.PagesWritten, rig.Mm.Swap.PagesRead));
        rig.AssertSound();
    }

    [Fact]
    public void WithOrdersTurnedOff_ItComesBackPageByPage()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        rig.Machine.FolioOrders.Set(Order, FolioOrderPolicy.Never);
        AssertSingle(rig, 6);
    }

    [Fact]
    public void ASmallerOrder_IsTaken_WhenOnlyThatIsAllowed()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        rig.Machine.FolioOrders.Set(Order, FolioOrderPolicy.Never);
        rig.Machine.FolioOrders.Set(2, FolioOrderPolicy.Madvise);
        rig.Read(6);
        Assert.Equal(2, rig.Mm.Frames.OrderOf(rig.FrameAt(4)));
        Assert.Equal((0u, 0u), (rig.FrameAt(3), rig.FrameAt(8)));
        rig.AssertSound();
        rig.AssertFilled(0, Pages);
    }

    /// <summary>After a fork of half of it the entries have not the same marks.</summary>
    [Fact]
    public void WhenTheEntriesAreNotAlike_ItComesBackPageByPage()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        Assert.Equal(MmResult.Ok, rig.Advise(8, 8, Advice.DontFork));
        rig.Machine.Exit(rig.Machine.Fork(rig.Space));
        Assert.Equal(MmResult.Ok, rig.Advise(8, 8, Advice.DoFork));
        AssertSingle(rig, 12);
        rig.Machine.FolioOrders.Set(3, FolioOrderPolicy.Madvise);
        rig.Read(2); // the lower half is alike in itself
        Assert.Equal(3, rig.Mm.Frames.OrderOf(rig.FrameAt(2)));
        rig.AssertSound();
        rig.AssertFilled(0, Pages);
    }

    [Fact]
    public void WhenOnePageIsInTheCache_ItComesBackPageByPage()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        Assert.Equal(MmResult.Ok, rig.Advise(3, 1, Advice.WillNeed));
        AssertSingle(rig, 6);
        rig.AssertFilled(0, Pages);
    }

    [Fact]
    public void WhenOnePageIsGone_ItComesBackPageByPage()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        Assert.Equal(MmResult.Ok, rig.Advise(3, 1, Advice.DontNeed));
        AssertSingle(rig, 6);
    }

    [Fact]
    public void AfterAMove_ThatMisalignsIt_ItComesBackPageByPage()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        Assert.Equal(MmResult.Ok, rig.Machine.Move(
            rig.Space, HugeMachine<X64FourLevel>.At(0), HugeMachine<X64FourLevel>.At(65), HugeMachine<X64FourLevel>.Bytes(Pages)));
        rig.Read(70);
        Assert.Equal(0, rig.Mm.Frames.OrderOf(rig.FrameAt(70)));
        rig.AssertFilled(65, Pages);
        rig.AssertSound();
    }

    [Fact]
    public void AReadError_OfOnePage_IsABusErrorForAll_AndLosesNothing()
    {
        using HugeMachine<X64FourLevel> rig = SwappedOut();
        rig.Mm.Swap.Faults.FailRead = 8;
        var counters = new FaultCounters();
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.BusError, rig.Machine.Read(rig.Space, HugeMachine<X64FourLevel>.At(2), one, ref counters));
        Assert.Equal(Pages, rig.Mm.Swap.TotalInUse);
        rig.AssertSound();
        rig.AssertFilled(0, Pages);
        rig.AssertSound();
    }

    /// <summary>Somebody's reference keeps the folio in the swap cache after its entries were replaced.</summary>
    [Fact]
    public void AFolioStillInTheCache_IsMappedWholeByOneFault()
    {
        using HugeMachine<X64FourLevel> rig = Filled(Backing.Zram);
        uint head = rig.FrameAt(0);
        uint held = UnmapWhileHeld(rig);
        Assert.Equal(0u, rig.Mm.Frames.FolioMappings(head));
        Assert.True(rig.Mm.Frames.Has(head, FrameFlags.SwapCache));
        rig.AssertSound(new Dictionary<uint, uint> { [held] = 1 });
        Assert.Equal(HugeMachine<X64FourLevel>.Value(6), rig.Read(6));
        for (uint page = 0; page < Pages; page++)
        {
            Assert.Equal(head + page, rig.FrameAt(page));
            Assert.True(rig.Mm.Frames.Has(head + page, FrameFlags.AnonExclusive));
        }

        rig.AssertSound(new Dictionary<uint, uint> { [held] = 1 });
        rig.Machine.Gup.Put(held, GupFlags.Get);
        rig.AssertFilled(0, Pages);
        rig.Machine.ReclaimAll();
        rig.AssertFilled(0, Pages);
        rig.AssertSound();
    }

    [Fact]
    public void AFolioStillInTheCache_WithAHoleInItsEntries_IsMappedPageByPage()
    {
        using HugeMachine<X64FourLevel> rig = Filled(Backing.Zram);
        uint head = rig.FrameAt(0);
        uint held = UnmapWhileHeld(rig);
        Assert.Equal(MmResult.Ok, rig.Advise(9, 1, Advice.DontNeed));
        rig.Read(6);
        Assert.Equal((head + 6, 0u, 0u), (rig.FrameAt(6), rig.FrameAt(5), rig.FrameAt(7)));
        rig.AssertSound(new Dictionary<uint, uint> { [held] = 1 });
        rig.Machine.Gup.Put(held, GupFlags.Get);
        for (uint page = 0; page < Pages; page++)
            Assert.Equal(page == 9 ? (byte)0 : HugeMachine<X64FourLevel>.Value(page), rig.Read(page));
        rig.AssertSound();
    }

    [Fact]
    public void SwapOff_BringsBackWhatIsOutWhole_AndWhatIsStillInTheCache()
    {
        foreach (bool held in (bool[])[false, true])
        {
            using HugeMachine<X64FourLevel> rig = Filled(Backing.Zram);
            uint holder = held ? UnmapWhileHeld(rig) : 0;
            if (!held)
                Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.PageOut));
            Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area));
            if (held)
                rig.Machine.Gup.Put(holder, GupFlags.Get);
            rig.AssertFilled(0, Pages);
            rig.AssertSound();
        }
    }

    [Fact]
    public void APartiallyMappedFolio_IsSplitBeforeItGoesOut()
    {
        using HugeMachine<X64FourLevel> rig = Filled(Backing.Zram);
        Assert.Equal(MmResult.Ok, rig.Advise(4, 4, Advice.DontNeed));
        rig.Machine.ReclaimAll();
        Assert.Equal(Pages - 4, (uint)rig.Mm.Swap.TotalInUse);
        Assert.Equal(0u, rig.Mm.Frames.DeferredSplits.Count);
        rig.AssertSound();
        for (uint page = 0; page < Pages; page++)
            Assert.Equal(page is >= 4 and < 8 ? (byte)0 : HugeMachine<X64FourLevel>.Value(page), rig.Read(page));
    }

    /// <summary>Clusters serve one order each; when none of the folio's has room and none is empty, the folio is split.</summary>
    [Fact]
    public void OrdersHaveClustersOfTheirOwn_AndAFullAreaMakesFoliosSplit()
    {
        using HugeMachine<X64FourLevel> rig = LargeFolioRig.With<X64FourLevel>(Backing.Zram, 2);
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area));
        const uint Cluster = 512;
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOn(SwapAreaOptions.Zram(3 * Cluster), out _));
        rig.Map(0, 4);
        rig.FillPages(0, 4);
        rig.Map(16, 1);
        rig.Write(16, 1); // a single page
        rig.Map(32, 8);
        rig.Machine.FolioOrders.Set(3, FolioOrderPolicy.Madvise);
        rig.FillPages(32, 8);
        foreach ((uint page, uint count) in (ReadOnlySpan<(uint, uint)>)[(0, 4), (16, 1), (32, 8)])
            Assert.Equal(MmResult.Ok, rig.Advise(page, count, Advice.PageOut));
        Assert.Equal((1ul, Cluster, 2 * Cluster), (SlotAt(rig, 16).Offset, (uint)SlotAt(rig, 0).Offset, (uint)SlotAt(rig, 32).Offset));
        rig.Map(48, 16);
        rig.Machine.FolioOrders.Set(4, FolioOrderPolicy.Madvise);
        rig.FillPages(48, 16);
        Assert.Equal(MmResult.Ok, rig.Advise(48, 16, Advice.PageOut));
        Assert.Equal(2ul, SlotAt(rig, 48).Offset); // no cluster for order 4 is left: page by page, behind the single page
        Assert.Equal(3ul, SlotAt(rig, 63).Offset); // the pages that were split off stand at the end of reclaim's list, which is read from there
        Assert.Equal(17ul, SlotAt(rig, 49).Offset);
        rig.AssertSound();
        rig.AssertFilled(0, 4);
        rig.AssertFilled(32, 8);
        rig.AssertFilled(48, 16);
    }

    /// <summary>A full cluster that loses a folio is on the list of its order, and the gap is filled before the folio would be split.</summary>
    [Fact]
    public void AGapOfAnOrder_IsFilledByAFolioOfIt()
    {
        using HugeMachine<X64FourLevel> rig = LargeFolioRig.With<X64FourLevel>(Backing.Zram, Order);
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area));
        const uint Cluster = 512;
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOn(SwapAreaOptions.Zram(2 * Cluster), out _)); // one empty cluster beside the first
        const uint All = Cluster + Pages;
        rig.Map(0, All);
        rig.FillPages(0, All);
        Assert.Equal(MmResult.Ok, rig.Advise(0, Cluster, Advice.PageOut));
        Assert.Equal(Cluster + Pages, (uint)SlotAt(rig, Pages).Offset);
        Assert.Equal(MmResult.Ok, rig.Advise(4 * Pages, Pages, Advice.DontNeed)); // a gap of one folio
        Assert.Equal(MmResult.Ok, rig.Advise(Cluster, Pages, Advice.PageOut));
        Assert.Equal(Cluster + (4 * Pages), (uint)SlotAt(rig, Cluster).Offset);
        rig.AssertFilled(Cluster, Pages, Cluster);
        rig.AssertFilled(0, 4 * Pages);
        rig.AssertSound();
    }

    private static void AssertSingle(HugeMachine<X64FourLevel> rig, uint page)
    {
        Assert.Equal(HugeMachine<X64FourLevel>.Value(page), rig.Read(page));
        Assert.Equal(0, rig.Mm.Frames.OrderOf(rig.FrameAt(page)));
        Assert.Equal(0u, rig.FrameAt(page + 1));
        rig.AssertSound();
    }

    private static SwapEntry SlotAt(HugeMachine<X64FourLevel> rig, uint page)
    {
        ulong address = HugeMachine<X64FourLevel>.At(page);
        uint table = rig.Mm.Tables.LeafTable(rig.Mm.Spaces[rig.Space].Root, address);
        SoftLeaf soft = rig.Mm.Decode(PageTables<X64FourLevel, CheckedModel>.Load(ref rig.Mm.Tables.Entry(table, address)));
        Assert.Equal(SoftLeafKind.Swap, soft.Kind);
        return new SwapEntry(soft.Type, soft.Offset);
    }

    /// <summary>Takes all entries of the folio away while somebody has a reference, so that it stays in the cache; returns the page held.</summary>
    private static uint UnmapWhileHeld(HugeMachine<X64FourLevel> rig)
    {
        uint head = rig.FrameAt(0);
        rig.Mm.Frames.Lock(head);
        rig.Mm.Frames.Get(head); // reclaim's own reference
        Assert.Equal(SwapResult.Ok, rig.Mm.Swap.TryAllocateLarge(head));
        rig.Mm.Frames.Set(head, FrameFlags.Dirty);
        rig.Mm.Frames.Unlock(head);
        rig.Mm.Folios.Put(head);
        uint held = rig.Hold(1, GupFlags.Get);
        Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.PageOut));
        return held;
    }

    private static HugeMachine<X64FourLevel> Filled(Backing backing, int order = Order)
    {
        HugeMachine<X64FourLevel> rig = LargeFolioRig.With<X64FourLevel>(backing, order);
        rig.Map(0, 1u << order);
        rig.FillPages(0, 1u << order);
        Assert.Equal(order, rig.Mm.Frames.OrderOf(rig.FrameAt(0)));
        return rig;
    }

    private static HugeMachine<X64FourLevel> SwappedOut()
    {
        HugeMachine<X64FourLevel> rig = Filled(Backing.Zram);
        Assert.Equal(MmResult.Ok, rig.Advise(0, Pages, Advice.PageOut));
        SlotAt(rig, 0);
        return rig;
    }
}
