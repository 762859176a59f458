using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>The ways back: advice, mremap, unmerging everything, exit.</summary>
public class KsmUnmergeTests
{
    [Fact]
    public void UnmergeableAdvice_TakesAFaultPerMergedPage_AndKeepsThemApart()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        Assert.Equal(2, rig.Advise(space, 0, 4, Advice.Unmergeable).Minor);
        Assert.NotEqual(rig.Frame(space, 0), rig.Frame(space, 1));
        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        rig.Machine.Ksm.Scan(3);
        Assert.NotEqual(rig.Frame(space, 0), rig.Frame(space, 1));
        Assert.Equal(0, rig.Machine.Ksm.MergedItems(space));
        Assert.Equal(0u, rig.Machine.Context.Ksm.Slots.InUse); // no mergeable VMA is left: the scan forgot the process
        rig.AssertSound();
    }

    [Fact]
    public void Move_TakesAFaultPerMergedPage()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Move(space, rig.Address(0), rig.Address(8), 4 * rig.PageSize, dontUnmap: false, ref counters));
        Assert.Equal(2, counters.Minor);
        Assert.Equal((7, 7), (rig.Value(space, 8), rig.Value(space, 9)));
        rig.AssertSound();
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(rig.Frame(space, 8), rig.Frame(space, 9)); // the new place is mergeable as the old one was
        rig.AssertSound();
    }

    [Fact]
    public void UnmergeAll_BreaksEverything_AndScansBeginAnew()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        uint child = rig.Machine.Fork(space);
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll());
        Assert.Equal(4, new[] { rig.Frame(space, 0), rig.Frame(space, 1), rig.Frame(child, 0), rig.Frame(child, 1) }.Distinct().Count());
        Assert.Equal(0, rig.Machine.Ksm.MergedItems(space));
        Assert.Equal((0u, 0u), (rig.Machine.Context.Ksm.Items.InUse, rig.Machine.Context.Ksm.Nodes.InUse));
        rig.AssertSound();
        rig.Machine.Ksm.Scan();
        Assert.False(rig.IsMerged(space, 0));
        rig.Machine.Ksm.Scan();
        Assert.True(rig.IsMerged(space, 0));
        rig.AssertSound();
    }

    [Fact]
    public void Exit_LeavesItemsToTheNextScan_AndThenNothing()
    {
        using var rig = new KsmRig();
        uint before = rig.Machine.Context.Folios.Allocator.FreeCount;
        uint space = rig.ProcessWithMergedPair();
        uint never = rig.Process(2);
        rig.Machine.Exit(never); // has no items: gone at once
        Assert.Equal(1u, rig.Machine.Context.Ksm.Slots.InUse);
        rig.Machine.Exit(space);
        Assert.Equal((1u, 2u, 1u), (rig.Machine.Context.Ksm.Slots.InUse, rig.Machine.Context.Ksm.Items.InUse, rig.Machine.Context.Ksm.Nodes.InUse));
        rig.AssertSound();

        uint next = rig.Machine.CreateAddressSpace(); // may get the number of the one that ended
        Assert.Equal(0, rig.Machine.Ksm.MergedItems(next));
        rig.Machine.Ksm.Scan();
        Assert.Equal((0u, 0u, 0u), (rig.Machine.Context.Ksm.Slots.InUse, rig.Machine.Context.Ksm.Items.InUse, rig.Machine.Context.Ksm.Nodes.InUse));
        rig.Machine.Exit(next);
        rig.Machine.Settle();
        Assert.Equal(before, rig.Machine.Context.Folios.Allocator.FreeCount);
        Assert.Equal(0u, rig.Machine.Context.Vmas.AnonVmasInUse);
        rig.AssertSound();
    }

    [Fact]
    public void NumbersOfNodes_AreHandedOutAgain_LastFreedFirst()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        uint node = (uint)rig.Machine.Context.Frames[rig.Frame(space, 0)].Mapping;
        rig.Fill(space, 0, 1);
        rig.Fill(space, 1, 1); // the merged frame is gone, its node stale
        rig.AssertSound();
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(node, (uint)rig.Machine.Context.Frames[rig.Frame(space, 0)].Mapping);
        rig.AssertSound();
    }
}
