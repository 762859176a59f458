using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>What happens to migration entries while they stand; afterwards the page arrives, or the migration is undone.</summary>
public abstract class StandingEntriesTests<TArch>
    where TArch : struct, IArchitecture
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Access_WaitsUntilThePageHasArrived(bool completes)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 42);
        DisplacedFolio displaced = rig.Begin(0);
        byte read = 0;
        ulong faults = 0;
        Task reader = rig.StartWaiting(() =>
        {
            read = rig.Read(0);
            faults = rig.FaultsOfWrite(0, 43);
        });
        if (completes)
            rig.Machine.Migrator.TryComplete(displaced, rig.Mm.Folios.TryAllocate());
        else
            rig.Machine.Migrator.Undo(displaced);
        MigrationRig<TArch>.Join(reader);
        rig.Mm.Folios.Put(displaced.Folio);
        Assert.Equal((42, 0ul), (read, faults)); // the store needs no fault: the page stayed writable
        Assert.Equal(completes, rig.Frame(0) != displaced.Folio);
        rig.Sound();
    }

    [Fact]
    public void Pin_WaitsUntilThePageHasArrived_AndTheFastPathDoesNotWait()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 42);
        DisplacedFolio displaced = rig.Begin(0);
        var fast = new GupFast<TArch, Atomics.CheckedModel>(rig.Mm);
        Assert.False(fast.TryTake(rig.Process, MigrationRig<TArch>.At(0), GupFlags.Pin, out _));
        uint pinned = 0;
        Task pinner = rig.StartWaiting(() => pinned = rig.Pin(0));
        uint target = rig.Mm.Folios.TryAllocate();
        Assert.True(rig.Machine.Migrator.TryComplete(displaced, target));
        MigrationRig<TArch>.Join(pinner);
        rig.Mm.Folios.Put(displaced.Folio);
        Assert.Equal(target, pinned);
        rig.Machine.Gup.Put(pinned, GupFlags.Pin | GupFlags.Write);
        rig.Sound();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Fork_SharesThePage_OnBothSides(bool writable, bool completes)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        if (!writable)
            Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.Read));
        DisplacedFolio displaced = rig.Begin(0);
        SoftLeaf before = rig.Soft(0);
        uint child = rig.Machine.Fork(rig.Process);
        Assert.Equal(SoftLeaf.OfFrame(SoftLeafKind.MigrationRead, displaced.Folio, before.Marks, before.IsYoung, before.IsDirty), rig.Soft(0));
        Assert.Equal(rig.Soft(0), rig.Soft(0, child));
        rig.SoundHalfWay(displaced);
        End(rig, displaced, completes);
        Assert.Equal(rig.Frame(0), rig.Frame(0, child));
        Assert.False(rig.IsExclusive(0));
        if (!writable)
            Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.Read | AccessRights.Write));
        rig.Write(0, 8);
        Assert.Equal((8, 7), (rig.Read(0), rig.Read(0, child)));
        rig.Sound();
    }

    [Fact]
    public void Fork_OfASharedObjectsPage_LeavesItWritable()
    {
        using var rig = new MigrationRig<TArch>(shared: true);
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        uint child = rig.Machine.Fork(rig.Process);
        Assert.Equal(SoftLeafKind.MigrationWrite, rig.Soft(0).Kind);
        rig.SoundHalfWay(displaced);
        rig.Complete(displaced);
        rig.Write(0, 8);
        Assert.Equal(8, rig.Read(0, child));
        rig.Sound();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Zap_OfTheOnlyEntry_LeavesThePageToTheMigration_WhichLetsItGo(bool shared, bool completes)
    {
        using var rig = new MigrationRig<TArch>(shared: shared);
        rig.Write(0, 7);
        rig.Write(1, 8);
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 1, Advice.DontNeed));
        Assert.True(TArch.IsNone(rig.Entry(0), 1));
        Assert.Equal(1ul, shared ? rig.Mm.Spaces[rig.Process].SharedPages : rig.Mm.Spaces[rig.Process].AnonPages);
        End(rig, displaced, completes);
        Assert.Equal(shared ? free : free + 1, rig.Mm.Folios.Allocator.FreeCount);
        Assert.Equal(shared ? 7 : 0, rig.Read(0));
        rig.Sound();
    }

    [Fact]
    public void Zap_OfTheParentsEntry_LeavesTheChilds()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        uint child = rig.Machine.Fork(rig.Process);
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(MmResult.Ok, rig.Machine.Unmap(rig.Process, MigrationRig<TArch>.At(0), MigrationRig<TArch>.PageSize));
        rig.SoundHalfWay(displaced);
        rig.Complete(displaced);
        Assert.Equal(7, rig.Read(0, child));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Exit_OfAllWhoMapThePage_LeavesNothing(bool completes)
    {
        using var rig = new MigrationRig<TArch>();
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        rig.Machine.Exit(rig.Process);
        End(rig, displaced, completes);
        Assert.True(rig.Mm.Folios.Allocator.FreeCount >= free);
        Assert.Equal(0u, rig.Mm.Vmas.Anons.Pool.InUse);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Mremap_MovesTheEntry_AndThePageFollows(bool completes)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        SoftLeaf before = rig.Soft(0);
        Assert.Equal(MmResult.Ok, rig.Machine.Move(rig.Process, MigrationRig<TArch>.At(0), MigrationRig<TArch>.At(40), MigrationRig<TArch>.PageSize));
        Assert.Equal((before.Kind, before.Frame, before.IsYoung, before.IsDirty),
            (rig.Soft(40).Kind, rig.Soft(40).Frame, rig.Soft(40).IsYoung, rig.Soft(40).IsDirty));
        Assert.Equal(TArch.HasSwapSoftDirty, rig.Soft(40).IsSoftDirty);
        rig.SoundHalfWay(displaced);
        End(rig, displaced, completes);
        Assert.Equal(7, rig.Read(40));
        Assert.True(rig.IsExclusive(40));
        Assert.Equal(0ul, rig.FaultsOfWrite(40, 8));
    }

    [Fact]
    public void Mprotect_TakesTheRightToWrite_AndKeepsExclusiveness()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.Read));
        Assert.Equal(SoftLeafKind.MigrationReadExclusive, rig.Soft(0).Kind);
        Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.Read | AccessRights.Write));
        Assert.Equal(SoftLeafKind.MigrationReadExclusive, rig.Soft(0).Kind); // it never gets stronger
        rig.SoundHalfWay(displaced);
        uint target = rig.Complete(displaced);
        Assert.True(rig.IsExclusive(0));
        Assert.False(TArch.IsWritable(rig.Entry(0)));
        rig.Write(0, 8);
        Assert.Equal(target, rig.Frame(0)); // reused, not copied
    }

    [Fact]
    public void Mprotect_None_IsHonouredByTheNewEntry()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.None));
        rig.Complete(displaced);
        Assert.True(TArch.IsProtNone(rig.Entry(0)));
        var faults = new FaultCounters();
        Assert.Equal(UserAccessResult.SegmentationFault, rig.Machine.Read(rig.Process, MigrationRig<TArch>.At(0), new byte[1], ref faults));
        Assert.Equal(MmResult.Ok, rig.Protect(0, 1, AccessRights.Read | AccessRights.Write));
        Assert.Equal(7, rig.Read(0));
    }

    [Fact]
    public void UserfaultfdWriteProtect_MarksTheEntry()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        if (!MigrationTests<TArch>.RegistersForWriteProtection(rig))
            return;
        DisplacedFolio displaced = rig.Begin(0);
        MmResult marked = rig.Machine.Userfaultfd.WriteProtect(rig.Process, MigrationRig<TArch>.At(0), MigrationRig<TArch>.At(1), protect: true);
        Assert.Equal(MmResult.Ok, marked);
        Assert.True(rig.Soft(0).IsUffdWp);
        Assert.Equal(SoftLeafKind.MigrationReadExclusive, rig.Soft(0).Kind);
        rig.Complete(displaced);
        Assert.True(TArch.IsUffdWp(rig.Entry(0)));
    }

    [Theory]
    [InlineData(Advice.Free)]
    [InlineData(Advice.Cold)]
    [InlineData(Advice.PageOut)]
    [InlineData(Advice.WillNeed)]
    public void Advice_PassesOverTheEntry(Advice advice)
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        SoftLeaf before = rig.Soft(0);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 4, advice));
        rig.Machine.ReclaimAll();
        Assert.Equal(before, rig.Soft(0));
        rig.SoundHalfWay(displaced);
        rig.Complete(displaced);
        Assert.Equal(7, rig.Read(0));
        Assert.Equal(FrameFlags.SwapBacked, rig.Flags(0) & FrameFlags.SwapBacked);
    }

    [Fact]
    public void GuardRegion_TakesThePlaceOfTheEntry()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 7);
        DisplacedFolio displaced = rig.Begin(0);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 1, Advice.GuardInstall));
        Assert.Equal(PteMarkers.Guard, rig.Soft(0).Markers);
        rig.Complete(displaced);
        Assert.Equal(PteMarkers.Guard, rig.Soft(0).Markers);
    }

    [Fact]
    public void SwapOff_WaitsForAPageWithASlot_WithAReferenceThatTheMigrationSees()
    {
        using var rig = new MigrationRig<TArch>();
        rig.Write(0, 1);
        uint child = rig.Machine.Fork(rig.Process);
        rig.Machine.ReclaimAll();
        Assert.Equal(1, rig.Read(0));
        DisplacedFolio displaced = rig.Begin(0);
        SwapResult result = SwapResult.Invalid;
        Task swapper = rig.StartWaiting(() => result = rig.Machine.SwapOff(rig.Area));
        uint target = rig.Mm.Folios.TryAllocate();
        Assert.False(rig.Machine.Migrator.TryComplete(displaced, target));
        rig.Machine.Migrator.Undo(displaced);
        MigrationRig<TArch>.Join(swapper);
        rig.Mm.Folios.Put(target);
        rig.Mm.Folios.Put(displaced.Folio);
        Assert.Equal(SwapResult.Ok, result);
        Assert.Equal((displaced.Folio, displaced.Folio), (rig.Frame(0), rig.Frame(0, child)));
        rig.Sound();
        rig.Moved(0);
    }

    [Fact]
    public void Truncation_WaitsForAPageOfTheObject_WithAReferenceThatTheMigrationSees()
    {
        using var rig = new MigrationRig<TArch>(shared: true);
        rig.Write(0, 1);
        uint number = rig.Mm.Vmas[rig.Mm.Vmas.Find(rig.Process, MigrationRig<TArch>.At(0))].SharedObject;
        DisplacedFolio displaced = rig.Begin(0);
        Task cutter = rig.StartWaiting(() => rig.Machine.PunchHole(number, 0, 1));
        uint target = rig.Mm.Folios.TryAllocate();
        Assert.False(rig.Machine.Migrator.TryComplete(displaced, target));
        rig.Machine.Migrator.Undo(displaced);
        MigrationRig<TArch>.Join(cutter);
        rig.Mm.Folios.Put(target);
        rig.Mm.Folios.Put(displaced.Folio);
        rig.Sound();
        Assert.Equal(0, rig.Read(0));
    }

    private static void End(MigrationRig<TArch> rig, DisplacedFolio displaced, bool completes)
    {
        if (completes)
            rig.Complete(displaced);
        else
            rig.Undo(displaced);
    }
}
