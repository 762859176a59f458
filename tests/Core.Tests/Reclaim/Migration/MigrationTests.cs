using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>Pages that move, pages that must stay, and what both remember.</summary>
public abstract class MigrationTests<TArch>
    where TArch : struct, IArchitecture
{
    [Fact]
    public void Migrate_WrittenPage_KeepsContentAndExclusiveness_AndItsFrameIsFree()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(3, 77);
        uint old = rig.Frame(3);
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        rig.Moved(3);
        Assert.Equal(0u, rig.Mm.Frames.References(old));
        Assert.Equal(free, rig.Mm.Folios.Allocator.FreeCount);
        Assert.True(rig.IsExclusive(3));
        Assert.True(TArch.IsWritable(rig.Entry(3)));
        Assert.Equal(0ul, rig.FaultsOfWrite(3, 78));
        Assert.Equal(78, rig.Read(3));
    }

    [Fact]
    public void Migrate_Range_TellsWhatBecameOfEachPage()
    {
        using var rig = new MigrationRig<TArch>(pages: 8);
        rig.Write(0, 1);
        rig.Write(1, 2);
        Assert.Equal(0, rig.Read(2)); // the zero page
        rig.Write(3, 3);
        Assert.Equal(MmResult.Ok, rig.Advise(3, 1, Advice.PageOut));
        rig.Write(5, 5);
        uint pinned = rig.Pin(5);
        rig.Write(6, 6);
        uint held = rig.Pin(6, GupFlags.Get);
        MigrationCounts counts = rig.Migrate(0, 8);
        Assert.Equal(new MigrationCounts { Moved = 2, NotPresent = 4, Pinned = 1, InUse = 1 }, counts);
        Assert.Equal(2u, counts.Failed);
        Assert.Equal(pinned, rig.Frame(5));
        Assert.Equal(held, rig.Frame(6));
        rig.Machine.Gup.Put(pinned, GupFlags.Pin | GupFlags.Write);
        rig.Machine.Gup.Put(held, GupFlags.Get);
        rig.Sound();
        Assert.Equal(new MigrationCounts { Moved = 4, NotPresent = 4 }, rig.Migrate(0, 8));
        Assert.Equal((1, 2, 3, 5, 6), (rig.Read(0), rig.Read(1), rig.Read(3), rig.Read(5), rig.Read(6)));
    }

    [Fact]
    public void Migrate_NoRange_IsRefused()
    {
        using var rig = new MigrationRig<TArch>();
        Assert.Throws<ArgumentException>(() => rig.Machine.Migrate(rig.Process, MigrationRig<TArch>.At(0) + 1, MigrationRig<TArch>.PageSize));
        Assert.Throws<ArgumentException>(() => rig.Machine.Migrate(rig.Process, MigrationRig<TArch>.At(0), 4095));
        Assert.Throws<ArgumentException>(() => rig.Machine.Migrate(rig.Process, 1UL << 60, MigrationRig<TArch>.PageSize));
        Assert.Throws<ArgumentException>(() => rig.Machine.Migrate(77, MigrationRig<TArch>.At(0), MigrationRig<TArch>.PageSize));
    }

    [Fact]
    public void Migrate_IsDetermined()
    {
        uint[] Run()
        {
            using var rig = new MigrationRig<TArch>();
            for (uint page = 0; page < 16; page++)
                rig.Write(page, (byte)(page + 1));
            rig.Migrate(4, 8);
            return [.. Enumerable.Range(0, 16).Select(page => rig.Frame((uint)page))];
        }

        Assert.Equal(Run(), Run());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Undo_PutsBackWhatWasThere(bool shared)
    {
        using var rig = new MigrationRig<TArch>(shared: shared);
        rig.Write(0, 9);
        Pte before = rig.Entry(0);
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(SoftLeafKind.MigrationWrite, rig.Soft(0).Kind);
        rig.Undo(displaced);
        Assert.Equal(before, rig.Entry(0));
        Assert.Equal(0ul, rig.FaultsOfWrite(0, 10));
    }

    [Fact]
    public void Pinned_StaysWritableAndExclusive_WhenMigrationIsTried()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        uint frame = rig.Pin(0);
        Pte before = rig.Entry(0);
        Assert.Equal(1u, rig.Migrate(0).Pinned);
        Assert.Equal(before, rig.Entry(0));
        Assert.True(rig.IsExclusive(0));
        Assert.Equal(0ul, rig.FaultsOfWrite(0, 2));
        rig.Machine.Gup.Put(frame, GupFlags.Pin | GupFlags.Write);
        rig.Moved(0);
        Assert.Equal(2, rig.Read(0));
    }

    [Fact]
    public void PinTakenOfSharedPage_MakesTheReferenceTestFail_AndAllEntriesComeBack()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        uint child = rig.Machine.Fork(rig.Process);
        uint held = rig.Pin(0, GupFlags.Get);
        (Pte parents, Pte childs) = (rig.Entry(0), rig.Entry(0, child));
        Assert.Equal(1u, rig.Migrate(0).InUse);
        Assert.Equal((parents, childs), (rig.Entry(0), rig.Entry(0, child)));
        rig.Machine.Gup.Put(held, GupFlags.Get);
        uint moved = rig.Moved(0);
        Assert.Equal(moved, rig.Frame(0, child));
    }

    [Fact]
    public void ReferenceThatAppearsHalfWay_MakesCompletionFail_UntilItIsGone()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 5);
        DisplacedFolio displaced = rig.Begin(0);
        uint target = rig.Mm.Folios.TryAllocate();
        Assert.True(rig.Mm.Folios.TryGet(displaced.Folio));
        Assert.False(rig.Machine.Migrator.TryComplete(displaced, target));
        rig.Mm.Folios.Put(displaced.Folio);
        Assert.True(rig.Machine.Migrator.TryComplete(displaced, target));
        rig.Mm.Folios.Put(displaced.Folio);
        rig.Sound();
        Assert.Equal(target, rig.Frame(0));
        Assert.Equal(5, rig.Read(0));
    }

    [Fact]
    public void AsyncMode_DoesNotWaitForALockedFolio()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 5);
        uint frame = rig.Frame(0);
        uint target = rig.Mm.Folios.TryAllocate();
        rig.Mm.Frames.Get(frame);
        rig.Mm.Frames.Lock(frame);
        Assert.Equal(MigrationResult.Busy, rig.Machine.Migrator.Move(frame, target, MigrationMode.Async));
        rig.Mm.Frames.Unlock(frame);
        Assert.Equal(MigrationResult.Moved, rig.Machine.Migrator.Move(frame, target, MigrationMode.Async));
        rig.Mm.Folios.Put(frame);
        rig.Sound();
    }

    [Fact]
    public void NoFrame_IsAResult_AndNothingChanges()
    {
        using var rig = new MigrationRig<TArch>(frames: 64, pages: 4);
        rig.Write(0, 5);
        Assert.Equal(MmResult.Ok, Lock(rig, 0, 1)); // so that reclaim cannot help
        var hoard = new List<uint>();
        for (uint frame = rig.Mm.Folios.TryAllocate(); frame != 0; frame = rig.Mm.Folios.TryAllocate())
            hoard.Add(frame);
        uint before = rig.Frame(0);
        Assert.Equal(1u, rig.Migrate(0).NoMemory);
        Assert.Equal(before, rig.Frame(0));
        hoard.ForEach(frame => rig.Mm.Folios.Put(frame));
        rig.Moved(0);
    }

    [Theory]
    [InlineData(SoftLeafKind.MigrationWrite)]
    [InlineData(SoftLeafKind.MigrationReadExclusive)]
    [InlineData(SoftLeafKind.MigrationRead)]
    public void Entry_RemembersTheKind_AndTheNewOneHasIt(SoftLeafKind kind)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        if (kind == SoftLeafKind.MigrationReadExclusive)
            Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.Read));
        uint child = kind == SoftLeafKind.MigrationRead ? rig.Machine.Fork(rig.Process) : 0;
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(kind, rig.Soft(0).Kind);
        Assert.Equal(displaced.Folio, rig.Soft(0).Frame);
        uint target = rig.Complete(displaced);
        Assert.Equal(target, rig.Frame(0));
        Assert.Equal(kind != SoftLeafKind.MigrationRead, rig.IsExclusive(0));
        Assert.Equal(kind == SoftLeafKind.MigrationWrite, TArch.IsWritable(rig.Entry(0)));
        if (child != 0)
            Assert.Equal(target, rig.Frame(0, child));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void YoungAndDirty_AreKept_EachForItself(bool young, bool dirty)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        Change(rig, 0, entry => (young ? TArch.MakeYoung(entry) : TArch.MakeOld(entry)));
        Change(rig, 0, entry => dirty ? TArch.MakeDirty(entry) : TArch.MakeClean(entry));
        rig.Mm.Frames.Set(rig.Frame(0), FrameFlags.Dirty); // so that only the entry's own mark decides
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal((young, dirty), (rig.Soft(0).IsYoung, rig.Soft(0).IsDirty));
        rig.Complete(displaced);
        Assert.Equal((young, dirty), (TArch.IsYoung(rig.Entry(0)), TArch.IsDirty(rig.Entry(0))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SoftDirty_IsKept(bool softDirty)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        Change(rig, 0, entry => softDirty ? TArch.MakeSoftDirty(entry) : TArch.ClearSoftDirty(entry));
        rig.Moved(0);
        Assert.Equal(softDirty && TArch.HasSoftDirty, TArch.IsSoftDirty(rig.Entry(0)));
    }

    [Fact]
    public void WriteProtectionByUserfaultfd_IsKept()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        if (!RegistersForWriteProtection(rig))
            return;
        MmResult marked = rig.Machine.Userfaultfd.WriteProtect(rig.Process, MigrationRig<TArch>.At(0), MigrationRig<TArch>.At(1), protect: true);
        Assert.Equal(MmResult.Ok, marked);
        DisplacedFolio displaced = rig.Begin(0);
        Assert.True(rig.Soft(0).IsUffdWp);
        Assert.Equal(SoftLeafKind.MigrationReadExclusive, rig.Soft(0).Kind);
        rig.Complete(displaced);
        Assert.True(TArch.IsUffdWp(rig.Entry(0)));
        Assert.False(TArch.IsWritable(rig.Entry(0)));
    }

    [Fact]
    public void ForkAfterMigration_StillSharesAndCopies()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        rig.Moved(0);
        uint child = rig.Machine.Fork(rig.Process);
        Assert.False(rig.IsExclusive(0));
        rig.Write(0, 2);
        Assert.Equal((2, 1), (rig.Read(0), rig.Read(0, child)));
        rig.Sound();
    }

    [Fact]
    public void PinAfterMigration_SeesTheNewFrame_AndReclaimLeavesIt()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        uint moved = rig.Moved(0);
        Assert.Equal(moved, rig.Pin(0));
        rig.Machine.ReclaimAll();
        Assert.Equal(moved, rig.Frame(0));
        rig.Machine.Gup.Put(moved, GupFlags.Pin | GupFlags.Write);
        rig.Machine.ReclaimAll();
        Assert.Equal(0u, rig.Frame(0));
        Assert.Equal(1, rig.Read(0));
        rig.Sound();
    }

    [Fact]
    public void LazilyFreedPage_StaysLazilyFreed()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 1, Advice.Free));
        rig.Moved(0);
        Assert.Equal(FrameFlags.Anon, rig.Flags(0) & (FrameFlags.Anon | FrameFlags.SwapBacked | FrameFlags.Dirty));
        Assert.Equal(1, rig.Read(0));
        rig.Machine.ReclaimAll();
        Assert.Equal(0, rig.Read(0)); // dropped: nobody wrote it since
        rig.Sound();
    }

    [Fact]
    public void LockedPage_IsCountedAnew()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        Assert.Equal(MmResult.Ok, Lock(rig, 0, 1));
        rig.Moved(0);
        Assert.Equal(FrameFlags.Mlocked | FrameFlags.Unevictable, rig.Flags(0) & (FrameFlags.Mlocked | FrameFlags.Unevictable));
        Assert.Equal(MmResult.Ok, rig.Machine.Unlock(rig.Process, MigrationRig<TArch>.At(0), MigrationRig<TArch>.PageSize));
        Assert.Equal(FrameFlags.None, rig.Flags(0) & (FrameFlags.Mlocked | FrameFlags.Unevictable));
        rig.Machine.ReclaimAll();
        Assert.Equal(0u, rig.Frame(0));
        rig.Sound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void PageInTheSwapCache_TakesItsSlotAlong(Backing backing)
    {
        using var rig = new MigrationRig<TArch>(backing);
        rig.Write(0, 1);
        uint child = rig.Machine.Fork(rig.Process);
        rig.Machine.ReclaimAll();
        Assert.Equal(1, rig.Read(0)); // the child's entry still names the slot, so the page stays in the cache
        uint old = rig.Frame(0);
        Assert.True(rig.Mm.Frames.Has(old, FrameFlags.SwapCache));
        var slot = new SwapEntry(rig.Mm.Frames[old].Swap);
        uint moved = rig.Moved(0);
        Assert.True(rig.Mm.Frames.Has(moved, FrameFlags.SwapCache));
        Assert.Equal(moved, rig.Mm.Swap.Map[slot].Payload);
        Assert.Equal(1, rig.Read(0, child));
        Assert.Equal(moved, rig.Frame(0, child));
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area));
        rig.Sound();
    }

    [Fact]
    public void PageThatIsBeingWritten_IsWaitedFor()
    {
        using var rig = new MigrationRig<TArch>(Backing.Asynchronous);
        rig.Write(0, 1);
        rig.Machine.Fork(rig.Process);
        rig.Machine.Reclaim(1);
        (SwapEntry slot, SwapSlotWord word) = Assert.Single(rig.Mm.Swap.UsedSlots());
        Assert.True(rig.Mm.Frames.Has(word.Payload, FrameFlags.Writeback));
        Assert.Equal(1, rig.Read(0));
        Assert.True(rig.Mm.Frames.Has(rig.Frame(0), FrameFlags.Writeback));
        uint moved = rig.Moved(0);
        Assert.Equal(moved, rig.Mm.Swap.Map[slot].Payload);
        Assert.False(rig.Mm.Frames.Has(moved, FrameFlags.Writeback));
    }

    [Fact]
    public void SharedObjectsPage_MovesForAllWhoMapIt_AndInTheObject()
    {
        using var rig = new MigrationRig<TArch>(shared: true);
        rig.Write(2, 8);
        uint child = rig.Machine.Fork(rig.Process);
        Assert.Equal(8, rig.Read(2, child));
        uint moved = rig.Moved(2);
        Assert.Equal(moved, rig.Frame(2, child));
        rig.Write(2, 9, child);
        Assert.Equal(9, rig.Read(2));
        rig.Machine.ReclaimAll();
        Assert.Equal((9, 9), (rig.Read(2), rig.Read(2, child)));
        rig.Sound();
    }

    internal static MmResult Lock(MigrationRig<TArch> rig, uint page, uint count)
    {
        var faults = new FaultCounters();
        return rig.Machine.Lock(rig.Process, MigrationRig<TArch>.At(page), count * MigrationRig<TArch>.PageSize, ref faults);
    }

    /// <summary>Registers page 0 for write-protection; where entries have no bit for that the machine must refuse it.</summary>
    internal static bool RegistersForWriteProtection(MigrationRig<TArch> rig)
    {
        MmResult result = rig.Machine.Userfaultfd.Register(rig.Process, MigrationRig<TArch>.At(0), MigrationRig<TArch>.At(1));
        Assert.Equal(TArch.HasUffdWp ? MmResult.Ok : MmResult.Invalid, result);
        return result == MmResult.Ok;
    }

    private static void Change(MigrationRig<TArch> rig, uint page, Func<Pte, Pte> change)
    {
        uint root = rig.Mm.Spaces[rig.Process].Root;
        using var guard = rig.Mm.Leaves.Lock(root, MigrationRig<TArch>.At(page));
        guard[MigrationRig<TArch>.At(page)].SetPresent(change(guard[MigrationRig<TArch>.At(page)].Value));
    }
}
