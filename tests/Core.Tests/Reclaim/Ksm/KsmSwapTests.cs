using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>Merged pages and swap.</summary>
public class KsmSwapTests
{
    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void MergedPage_GoesOutInOneSlot_AndComesBackForOneAddress_WhileOthersGetCopies(Backing backing)
    {
        using var rig = new KsmRig(backing);
        uint space = rig.ProcessWithMergedPair();
        rig.Machine.ReclaimAll();
        Assert.Equal((0u, 0u), (rig.Frame(space, 0), rig.Frame(space, 1)));
        Assert.Equal(1ul, rig.Machine.Context.Swap.TotalInUse);
        rig.AssertSound();

        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        Assert.NotEqual(rig.Frame(space, 0), rig.Frame(space, 1));
        Assert.False(rig.IsMerged(space, 0) || rig.IsMerged(space, 1));
        rig.AssertSound();

        rig.Machine.Ksm.Scan(2);
        Assert.Equal(rig.Frame(space, 0), rig.Frame(space, 1));
        rig.AssertSound();
    }

    [Fact]
    public void MergedPageStillInTheSwapCache_ComesBackMerged()
    {
        using var rig = new KsmRig(Backing.Asynchronous);
        uint space = rig.ProcessWithMergedPair();
        uint merged = rig.Frame(space, 0);
        rig.Machine.Reclaim(long.MaxValue);
        Assert.Equal(0u, rig.Frame(space, 0));
        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        Assert.Equal((merged, merged), (rig.Frame(space, 0), rig.Frame(space, 1)));
        Assert.True(rig.IsMerged(space, 0));
        rig.Machine.Settle();
        rig.AssertSound();
    }

    [Fact]
    public void MergedPageInTheSwapCache_ThatUnmergingMadeHomeless_ComesBackAsCopies()
    {
        using var rig = new KsmRig(Backing.Asynchronous);
        uint space = rig.ProcessWithMergedPair();
        rig.Machine.Reclaim(long.MaxValue);
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll());
        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        Assert.NotEqual(rig.Frame(space, 0), rig.Frame(space, 1));
        Assert.False(rig.IsMerged(space, 0) || rig.IsMerged(space, 1));
        rig.Machine.Settle();
        rig.AssertSound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void SwapOff_BringsContentsBackToEveryAddress(Backing backing)
    {
        using var rig = new KsmRig(backing);
        uint parent = rig.ProcessWithMergedPair();
        uint child = rig.Machine.Fork(parent);
        rig.Machine.ReclaimAll();
        rig.SwapOff();
        Assert.Equal((7, 7, 7, 7), (rig.Value(parent, 0), rig.Value(parent, 1), rig.Value(child, 0), rig.Value(child, 1)));
        Assert.Equal(rig.Frame(parent, 0), rig.Frame(child, 0)); // same address and family: shared as before the merge
        Assert.NotEqual(rig.Frame(parent, 0), rig.Frame(parent, 1));
        rig.AssertSound();
    }

    [Fact]
    public void ForkedMappings_AreFoundThroughTheItemsOfAProcessThatHasEnded()
    {
        using var rig = new KsmRig();
        uint parent = rig.ProcessWithMergedPair();
        uint child = rig.Machine.Fork(parent);
        rig.Machine.Exit(parent);
        rig.Machine.ReclaimAll();
        Assert.Equal((0u, 0u), (rig.Frame(child, 0), rig.Frame(child, 1)));
        Assert.Equal((7, 7), (rig.Value(child, 0), rig.Value(child, 1)));
        rig.AssertSound();
    }

    /// <summary>The child is mergeable, the parent with which it shares the page is not.</summary>
    [Fact]
    public void MappingToWhichNoItemLeads_StaysWhereItIs_AndNobodyJoinsIt()
    {
        using var rig = new KsmRig();
        uint parent = rig.Process(2, mergeable: false);
        rig.Fill(parent, 1, 7);
        uint child = rig.Machine.Fork(parent);
        rig.Advise(child, 0, 2, Advice.Mergeable);
        rig.Fill(child, 0, 7);
        rig.Machine.Ksm.Scan(2);
        uint merged = rig.Frame(parent, 1);
        Assert.Equal((merged, merged), (rig.Frame(child, 0), rig.Frame(child, 1)));

        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll());
        rig.AssertSound();
        rig.Machine.ReclaimAll();
        Assert.Equal((merged, 0u, 0u), (rig.Frame(parent, 1), rig.Frame(child, 0), rig.Frame(child, 1)));
        Assert.True(rig.IsMerged(parent, 1));

        Assert.Equal((7, 7, 7), (rig.Value(parent, 1), rig.Value(child, 0), rig.Value(child, 1)));
        rig.Machine.Ksm.Scan(3);
        Assert.Equal(rig.Frame(child, 0), rig.Frame(child, 1));
        Assert.NotEqual(merged, rig.Frame(child, 0));
        rig.AssertSound();
    }
}
