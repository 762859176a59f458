using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Reclaim.Ksm;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Reclaim.Migration;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>Merged pages that move: everybody follows, and the node knows its new frame.</summary>
public sealed class KsmMigrationTests
{
    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void MergedPage_MovesForAll_AndFurtherPagesFindIt(Backing backing)
    {
        using var rig = new KsmRig(backing);
        uint space = rig.ProcessWithMergedPair();
        uint child = rig.Machine.Fork(space);
        uint old = rig.Frame(space, 0);
        Assert.Equal(1u, rig.Machine.Migrate(space, rig.Address(0), rig.PageSize).Moved);
        uint moved = rig.Frame(space, 0);
        Assert.NotEqual(old, moved);
        Assert.True(rig.IsMerged(space, 0));
        Assert.Equal((moved, moved, moved), (rig.Frame(space, 1), rig.Frame(child, 0), rig.Frame(child, 1)));
        rig.AssertSound();

        rig.Fill(space, 2, 7);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(moved, rig.Frame(space, 2)); // found by content, through the node
        rig.Machine.ReclaimAll();
        Assert.Equal((7, 7, 7), (rig.Value(space, 0), rig.Value(child, 1), rig.Value(space, 2)));
        rig.AssertSound();
    }

    [Fact]
    public void MergedPageInTheSwapCache_Moves()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        rig.Machine.ReclaimAll();
        Assert.Equal(7, rig.Value(space, 0)); // the other entry still names the slot
        Assert.True(rig.Machine.Context.Frames.Has(rig.Frame(space, 0), FrameFlags.SwapCache));
        Assert.Equal(1u, rig.Machine.Migrate(space, rig.Address(0), rig.PageSize).Moved);
        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        rig.SwapOff();
        rig.AssertSound();
    }

    [Fact]
    public void ReferencedMergedPage_Stays()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        uint frame = rig.Frame(space, 0);
        rig.Machine.Context.Frames.Get(frame);
        Assert.Equal(1u, rig.Machine.Migrate(space, rig.Address(0), rig.PageSize).InUse);
        rig.Machine.Context.Folios.Put(frame);
        Assert.Equal((frame, frame), (rig.Frame(space, 0), rig.Frame(space, 1)));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Unmerging_WaitsForThePage_AndBreaksItWhereItArrived(bool completes)
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        uint frame = rig.Frame(space, 0);
        var mm = rig.Machine.Context;
        mm.Frames.Get(frame);
        Assert.Equal(MigrationResult.Moved, rig.Machine.Migrator.TryBegin(frame, MigrationMode.Sync, out DisplacedFolio displaced));
        rig.AssertSound(new Dictionary<uint, uint> { [frame] = 1 });
        Task unmerger = MigrationRig<X64FourLevel>.StartThatWaits(() => rig.Advise(space, 0, 2, Advice.Unmergeable));
        if (completes)
            Assert.True(rig.Machine.Migrator.TryComplete(displaced, mm.Folios.TryAllocate()));
        else
            rig.Machine.Migrator.Undo(displaced);
        MigrationRig<X64FourLevel>.Join(unmerger);
        mm.Folios.Put(frame);
        Assert.False(rig.IsMerged(space, 0) || rig.IsMerged(space, 1));
        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        rig.AssertSound();
    }

    [Fact]
    public void Scan_PassesOverPagesUnderWay()
    {
        using var rig = new KsmRig();
        uint space = rig.Process(4);
        rig.Fill(space, 0, 9);
        rig.Fill(space, 1, 9);
        uint frame = rig.Frame(space, 0);
        rig.Machine.Context.Frames.Get(frame);
        Assert.Equal(MigrationResult.Moved, rig.Machine.Migrator.TryBegin(frame, MigrationMode.Sync, out DisplacedFolio displaced));
        rig.Machine.Ksm.Scan(3);
        Assert.False(rig.IsMerged(space, 1));
        Assert.True(rig.Machine.Migrator.TryComplete(displaced, rig.Machine.Context.Folios.TryAllocate()));
        rig.Machine.Context.Folios.Put(frame);
        rig.Machine.Ksm.Scan(3);
        Assert.True(rig.IsMerged(space, 0) && rig.IsMerged(space, 1));
        rig.AssertSound();
    }
}
