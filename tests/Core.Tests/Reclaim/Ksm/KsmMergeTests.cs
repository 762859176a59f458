using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>Which pages are merged, when, and into which frame.</summary>
public class KsmMergeTests
{
    [Fact]
    public void EqualPages_AreMergedInTheSecondScan_IntoTheFrameOfTheLater()
    {
        using var rig = new KsmRig();
        uint space = rig.Process(4);
        rig.Fill(space, 0, 5);
        rig.Fill(space, 2, 5);
        rig.Fill(space, 3, 6);
        uint later = rig.Frame(space, 2);

        rig.Machine.Ksm.Scan();
        Assert.NotEqual(later, rig.Frame(space, 0));
        rig.AssertSound();

        rig.Machine.Ksm.Scan();
        Assert.Equal((later, later), (rig.Frame(space, 0), rig.Frame(space, 2)));
        Assert.True(rig.IsMerged(space, 0));
        Assert.False(rig.IsMerged(space, 3));
        Assert.Equal(2, rig.Machine.Ksm.MergedItems(space));
        Assert.Equal((5, 5, 6), (rig.Value(space, 0), rig.Value(space, 2), rig.Value(space, 3)));
        rig.AssertSound();
    }

    [Fact]
    public void PageThatChangesBetweenScans_IsLeftAlone_UntilItRests()
    {
        using var rig = new KsmRig();
        uint space = rig.Process(2);
        rig.Fill(space, 0, 1);
        for (byte value = 2; value < 6; value++)
        {
            rig.Fill(space, 1, value);
            rig.Machine.Ksm.Scan();
        }

        rig.Fill(space, 1, 1);
        rig.Machine.Ksm.Scan();
        Assert.False(rig.IsMerged(space, 1));
        rig.Machine.Ksm.Scan();
        Assert.True(rig.IsMerged(space, 1));
        rig.AssertSound();
    }

    [Fact]
    public void PageEqualToAMergedOne_JoinsItsFrame()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        uint other = rig.Process(1);
        uint merged = rig.Frame(space, 0);
        rig.Fill(other, 0, 7);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(merged, rig.Frame(other, 0));
        Assert.Equal(3u, rig.Machine.Context.Frames.Mappings(merged));
        Assert.Equal((2L, 1L), (rig.Machine.Ksm.MergedItems(space), rig.Machine.Ksm.MergedItems(other)));
        rig.AssertSound();
    }

    [Fact]
    public void Store_GivesOnlyItsOwnPageAFrame_AndTheItemCountsUntilTheNextScan()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        uint merged = rig.Frame(space, 0);
        Assert.Equal(1, rig.Fill(space, 1, 9).Minor);
        Assert.NotEqual(merged, rig.Frame(space, 1));
        Assert.Equal((merged, 7, 9), (rig.Frame(space, 0), rig.Value(space, 0), rig.Value(space, 1)));
        Assert.Equal(2, rig.Machine.Ksm.MergedItems(space));
        rig.Machine.Ksm.Scan();
        Assert.Equal(1, rig.Machine.Ksm.MergedItems(space));
        Assert.Equal(1, rig.Fill(space, 0, 8).Minor); // a merged page is copied even by the last who has it
        Assert.NotEqual(merged, rig.Frame(space, 0));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(GupFlags.Pin)]
    [InlineData(GupFlags.Get)]
    public void PageThatSomebodyHolds_IsNotMerged_UntilItIsLetGo(GupFlags flags)
    {
        using var rig = new KsmRig();
        uint space = rig.Process(3);
        rig.Fill(space, 0, 5);
        rig.Fill(space, 1, 5);
        rig.Fill(space, 2, 5);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(space, rig.Address(1), flags, out uint held, ref counters));
        rig.Machine.Ksm.Scan(3);
        Assert.Equal(held, rig.Frame(space, 1));
        Assert.False(rig.IsMerged(space, 1));
        rig.AssertSound(new Dictionary<uint, uint> { [held] = flags == GupFlags.Pin ? 1024u : 1u });

        rig.Machine.Gup.Put(held, flags);
        rig.Machine.Ksm.Scan(3);
        Assert.Equal(rig.Frame(space, 0), rig.Frame(space, 1));
        Assert.Equal(3, rig.Machine.Ksm.MergedItems(space));
        rig.AssertSound();
    }

    [Fact]
    public void PageSharedByFork_IsMergedForAllSharers_MergeableOrNot()
    {
        using var rig = new KsmRig();
        uint parent = rig.Process(2);
        rig.Fill(parent, 0, 5);
        rig.Fill(parent, 1, 5);
        uint child = rig.Machine.Fork(parent);
        rig.Advise(child, 0, 2, Advice.Unmergeable);
        (uint first, uint second) = (rig.Frame(parent, 0), rig.Frame(parent, 1));
        rig.Machine.Ksm.Scan(2);
        Assert.Equal((second, second), (rig.Frame(parent, 0), rig.Frame(parent, 1)));
        Assert.Equal((first, second), (rig.Frame(child, 0), rig.Frame(child, 1)));
        Assert.Equal((false, true), (rig.IsMerged(child, 0), rig.IsMerged(child, 1)));
        Assert.Equal((2L, 0L), (rig.Machine.Ksm.MergedItems(parent), rig.Machine.Ksm.MergedItems(child)));
        rig.AssertSound();
    }

    [Fact]
    public void ForkOfMergedPages_SharesThem_WithoutItemsOfItsOwnAtFirst()
    {
        using var rig = new KsmRig();
        uint parent = rig.ProcessWithMergedPair();
        uint child = rig.Machine.Fork(parent);
        Assert.Equal(4u, rig.Machine.Context.Frames.Mappings(rig.Frame(child, 0)));
        Assert.Equal(0, rig.Machine.Ksm.MergedItems(child));
        rig.Machine.Ksm.Scan();
        Assert.Equal(2, rig.Machine.Ksm.MergedItems(child));
        rig.AssertSound();
    }

    [Fact]
    public void PagesThatAreNotMergeable_AreNotMerged()
    {
        using var rig = new KsmRig();
        uint space = rig.Process(4, mergeable: false);
        for (int page = 0; page < 4; page++)
            rig.Fill(space, page, 5);
        rig.Advise(space, 3, 1, Advice.Mergeable);
        rig.Machine.Ksm.Scan(3);
        Assert.Equal(4, Enumerable.Range(0, 4).Select(page => rig.Frame(space, page)).Distinct().Count());
        Assert.Equal(0, rig.Machine.Ksm.MergedItems(space));
        rig.AssertSound();
    }

    [Fact]
    public void MoreEqualPagesThanMayShareAFrame_GetASecondOne()
    {
        const int Pages = 300;
        using var rig = new KsmRig();
        uint space = rig.Process(Pages);
        for (int page = 0; page < Pages; page++)
            rig.Fill(space, page, 5);
        rig.Machine.Ksm.Scan(3);
        IEnumerable<uint> frames = Enumerable.Range(0, Pages).Select(page => rig.Frame(space, page));
        uint[] mappings = [.. frames.GroupBy(frame => frame).Select(group => (uint)group.Count())];
        Assert.Equal([44u, 256u], mappings.Order());
        Assert.Equal(Pages, rig.Machine.Ksm.MergedItems(space));
        rig.AssertSound();
    }

    [Fact]
    public void LockedPages_AreMergedAndStayLocked()
    {
        using var rig = new KsmRig();
        uint space = rig.Process(2);
        rig.Fill(space, 0, 5);
        rig.Fill(space, 1, 5);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Lock(space, rig.Address(0), rig.PageSize, ref counters));
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(rig.Frame(space, 0), rig.Frame(space, 1));
        rig.Machine.ReclaimAll();
        Assert.True(rig.IsMerged(space, 0));
        rig.AssertSound();
    }
}
