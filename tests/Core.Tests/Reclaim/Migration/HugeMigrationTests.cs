using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Huge;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>Huge pages on their way: as one entry, as many, or split before.</summary>
public sealed class HugeMigrationTests : IDisposable
{
    private readonly HugeMachine<X64FourLevel> rig = new();

    private static uint Span => HugeMachine<X64FourLevel>.Span;

    private MmContext<X64FourLevel, CheckedModel> Mm => rig.Mm;

    [Fact]
    public void HugePage_MovesAsAWhole()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        uint head = rig.FrameAt(0);
        MigrationCounts counts = rig.Machine.Migrate(rig.Space, At(0), Bytes(Span));
        Assert.Equal(new MigrationCounts { Moved = Span }, counts);
        Assert.True(rig.IsHuge(0));
        Assert.NotEqual(head, rig.FrameAt(0));
        Assert.True(Mm.Frames.Has(rig.FrameAt(0), FrameFlags.AnonExclusive));
        rig.AssertFilled();
        rig.AssertSound();
    }

    [Fact]
    public void HugePageSharedByFork_MovesForBoth_AndAStoreCopiesOnePage()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        uint child = rig.Machine.Fork(rig.Space);
        Assert.Equal(Span, rig.Machine.Migrate(child, At(0), Bytes(Span)).Moved);
        Assert.True(rig.IsHuge(0) && rig.IsHuge(0, child));
        Assert.Equal(rig.FrameAt(0), rig.FrameAt(0, child));
        rig.Write(5, 250);
        Assert.Equal(HugeMachine<X64FourLevel>.Value(5), rig.Read(5, child));
        rig.AssertSound();
    }

    [Fact]
    public void FolioMappedPageByPage_MovesAsAWhole()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        Assert.Equal(MmResult.Ok, rig.Protect(3, 2, AccessRights.Read));
        Assert.False(rig.IsHuge(0));
        uint head = rig.FrameAt(0);
        Assert.Equal(Span, rig.Machine.Migrate(rig.Space, At(0), Bytes(Span)).Moved);
        Assert.True(rig.IsLarge(7) && !rig.IsHuge(7));
        Assert.Equal(rig.FrameAt(0) + 7, rig.FrameAt(7));
        Assert.NotEqual(head, rig.FrameAt(0));
        Assert.False(Mm.Frames.Has(rig.FrameAt(0), FrameFlags.PartiallyMapped));
        rig.AssertFilled();
        rig.AssertSound();
    }

    [Fact]
    public void FolioMappedInPart_IsSplit_AndItsPagesMove()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        Assert.Equal(MmResult.Ok, rig.Machine.Unmap(rig.Space, At(0), Bytes(9)));
        Assert.True(Mm.Frames.Has(rig.FrameAt(9), FrameFlags.PartiallyMapped));
        Assert.Equal(Span - 9, rig.Machine.Migrate(rig.Space, At(9), Bytes(Span - 9)).Moved);
        Assert.Equal((0, 0u), (Mm.Frames.OrderOf(rig.FrameAt(9)), Mm.Frames.DeferredSplits.Count));
        rig.AssertFilled(9, Span - 9, 9);
        rig.AssertSound();
    }

    [Fact]
    public void PinnedHugePage_Stays_AndKeepsItsLeaf()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        var faults = new FaultCounters();
        const GupFlags Pin = GupFlags.Pin | GupFlags.Write;
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, At(3), Pin, out uint frame, ref faults));
        uint head = rig.FrameAt(0);
        Assert.Equal(Span, rig.Machine.Migrate(rig.Space, At(0), Bytes(Span)).Pinned);
        Assert.True(rig.IsHuge(0));
        Assert.Equal(head, rig.FrameAt(0));
        Assert.True(Mm.Frames.Has(head, FrameFlags.AnonExclusive));
        rig.Machine.Gup.Put(frame, Pin);
        Assert.Equal(Span, rig.Machine.Migrate(rig.Space, At(0), Bytes(Span)).Moved);
        rig.AssertSound();
    }

    [Fact]
    public void HugePageInTheSwapCache_TakesAllItsSlotsAlong()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        uint child = rig.Machine.Fork(rig.Space);
        const GupFlags Get = GupFlags.Get;
        var faults = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, At(3), Get, out uint frame, ref faults));
        uint head = Mm.Frames.HeadOf(frame);
        Mm.Frames.Lock(head);
        Assert.Equal(SwapResult.Ok, Mm.Swap.TryAllocateLarge(head));
        Mm.Frames.Unlock(head);
        rig.Machine.Gup.Put(frame, Get);
        Assert.Equal(Span, rig.Machine.Migrate(rig.Space, At(0), Bytes(Span)).Moved);
        Assert.True(rig.IsHuge(0) && rig.IsHuge(0, child));
        Assert.True(Mm.Frames.Has(rig.FrameAt(0), FrameFlags.SwapCache));
        rig.AssertFilled();
        rig.AssertSound();
    }

    [Fact]
    public void NoFreeBlock_SplitsTheHugePage_AndMovesItsPages()
    {
        rig.Map(0, 2 * Span);
        rig.FillSpan();
        var blocks = new List<uint>();
        for (uint block = Mm.Folios.TryAllocateLarge(); block != 0; block = Mm.Folios.TryAllocateLarge())
            blocks.Add(block);
        Mm.Frames.Lock(blocks[0]);
        Mm.Frames.Unlock(blocks[0]);
        uint head = rig.FrameAt(0);
        Assert.Equal(4u, rig.Machine.Migrate(rig.Space, At(10), Bytes(4)).Moved);
        Assert.False(rig.IsHuge(0) || rig.IsLarge(0));
        Assert.NotEqual(head + 10, rig.FrameAt(10));
        Assert.Equal(head + 14, rig.FrameAt(14));
        blocks.ForEach(block => Mm.Folios.Put(block));
        rig.AssertFilled();
        rig.AssertSound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Access_WaitsForTheHugePage(bool completes)
    {
        rig.Map(0, Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        byte read = 0;
        Task reader = MigrationRig<X64FourLevel>.StartThatWaits(() => read = rig.Read(9));
        End(displaced, completes);
        MigrationRig<X64FourLevel>.Join(reader);
        Assert.Equal(HugeMachine<X64FourLevel>.Value(9), read);
        Assert.True(rig.IsHuge(0));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Fork_CopiesTheEntry_AndBothAreShared(bool completes)
    {
        rig.Map(0, Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        uint child = rig.Machine.Fork(rig.Space);
        Assert.Equal(SoftLeafKind.MigrationRead, Moving().Kind);
        Assert.Equal(Moving(), Moving(child));
        AssertSoundHalfWay(displaced);
        End(displaced, completes);
        Assert.True(rig.IsHuge(0) && rig.IsHuge(0, child));
        Assert.Equal(rig.FrameAt(0), rig.FrameAt(0, child));
        rig.Write(3, 250);
        Assert.Equal(HugeMachine<X64FourLevel>.Value(3), rig.Read(3, child));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Zap_OfAll_RemovesTheEntryWithItsSpareTable(bool completes)
    {
        rig.Map(0, Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        Assert.Equal(MmResult.Ok, rig.Advise(0, Span, Advice.DontNeed));
        Assert.Equal(0ul, Mm.Spaces[rig.Space].AnonPages);
        End(displaced, completes);
        Assert.Equal(0, rig.Read(9));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Zap_OfAPart_SplitsTheEntry(bool completes)
    {
        rig.Map(0, Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        SoftLeaf whole = Moving();
        Assert.Equal(MmResult.Ok, rig.Advise(0, 3, Advice.DontNeed));
        Assert.False(rig.IsHuge(0));
        uint table = Mm.Tables.LeafTable(Mm.Spaces[rig.Space].Root, At(0));
        SoftLeaf fifth = Mm.Decode(PageTables<X64FourLevel, CheckedModel>.Load(ref Mm.Tables.Entry(table, At(5))));
        Assert.Equal(SoftLeaf.OfFrame(whole.Kind, whole.Frame + 5, whole.Marks, whole.IsYoung, whole.IsDirty), fifth);
        AssertSoundHalfWay(displaced);
        End(displaced, completes);
        rig.AssertFilled(3, Span - 3, 3);
        Assert.Equal(0, rig.Read(0));
        rig.AssertSound();
    }

    [Fact]
    public void Mprotect_WeakensTheEntry_OfAPartSplitsIt()
    {
        rig.Map(0, 2 * Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        Assert.Equal(SoftLeafKind.MigrationWrite, Moving().Kind);
        Assert.Equal(MmResult.Ok, rig.Protect(0, Span, AccessRights.Read));
        Assert.Equal(SoftLeafKind.MigrationReadExclusive, Moving().Kind);
        Assert.Equal(MmResult.Ok, rig.Protect(0, 8, AccessRights.Read | AccessRights.Write));
        Assert.False(rig.IsHuge(0));
        AssertSoundHalfWay(displaced);
        End(displaced, completes: true);
        rig.AssertFilled();
        rig.Write(1, 99);
        rig.AssertSound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Mremap_MovesTheEntry_OrSplitsIt(bool aligned)
    {
        rig.Map(0, Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        uint to = (4 * Span) + (aligned ? 0u : 1);
        Assert.Equal(MmResult.Ok, rig.Machine.Move(rig.Space, At(0), At(to), Bytes(Span)));
        Assert.Equal(aligned, rig.IsHuge(to));
        AssertSoundHalfWay(displaced);
        End(displaced, completes: true);
        rig.AssertFilled(to);
        Assert.Equal(aligned, rig.IsHuge(to));
        rig.AssertSound();
    }

    [Fact]
    public void Collapse_RefusesAHugePageUnderWay_AndGuardsTakeItsPlace()
    {
        rig.Map(0, Span);
        rig.FillSpan();
        DisplacedFolio displaced = Begin();
        Assert.Equal(MmResult.Invalid, rig.Advise(0, Span, Advice.Collapse));
        Assert.Equal(MmResult.Ok, rig.Advise(2, 1, Advice.GuardInstall));
        AssertSoundHalfWay(displaced);
        End(displaced, completes: true);
        Assert.Equal(HugeMachine<X64FourLevel>.Value(3), rig.Read(3));
        rig.AssertSound();
    }

    [Fact]
    public void WhereTheArchitectureHasNoSuchEntry_HugePagesAreSplitFirst()
    {
        using var sparc = new HugeMachine<Sun4v>(blocks: 8);
        sparc.Map(0, HugeMachine<Sun4v>.Span);
        sparc.Write(0, 1);
        sparc.Write(1, 2);
        sparc.Write(2, 3);
        Assert.True(sparc.IsHuge(0));
        MigrationCounts counts = sparc.Machine.Migrate(sparc.Space, HugeMachine<Sun4v>.At(0), HugeMachine<Sun4v>.Bytes(4));
        Assert.Equal(new MigrationCounts { Moved = 3, NotPresent = 1 }, counts); // the fourth was zero and became the zero page
        Assert.False(sparc.IsHuge(0));
        Assert.Equal((1, 2, 3), (sparc.Read(0), sparc.Read(1), sparc.Read(2)));
        sparc.AssertSound();
    }

    public void Dispose() => rig.Dispose();

    private static ulong At(uint page) => HugeMachine<X64FourLevel>.At(page);

    private static ulong Bytes(uint pages) => HugeMachine<X64FourLevel>.Bytes(pages);

    private SoftLeaf Moving(uint space = 0)
    {
        using HugeGuard<X64FourLevel, CheckedModel> guard = Mm.Huge.Lock(Mm.Spaces[space == 0 ? rig.Space : space].Root, At(0));
        Assert.True(guard.IsMigration);
        return SoftLeaf.Decode<X64FourLevel>(guard.Value, Mm.SwapTypes, 2);
    }

    private DisplacedFolio Begin()
    {
        uint head = rig.FrameAt(0);
        Mm.Frames.Get(head);
        Assert.Equal(MigrationResult.Moved, rig.Machine.Migrator.TryBegin(head, MigrationMode.Sync, out DisplacedFolio displaced));
        AssertSoundHalfWay(displaced);
        return displaced;
    }

    private void AssertSoundHalfWay(DisplacedFolio displaced) => rig.AssertSound(new Dictionary<uint, uint> { [displaced.Folio] = 1 });

    private void End(DisplacedFolio displaced, bool completes)
    {
        if (completes)
            Assert.True(rig.Machine.Migrator.TryComplete(displaced, Mm.Folios.TryAllocateLarge()));
        else
            rig.Machine.Migrator.Undo(displaced);
        Mm.Folios.Put(displaced.Folio);
    }
}
