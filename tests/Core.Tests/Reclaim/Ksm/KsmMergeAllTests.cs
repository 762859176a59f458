using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>All memory of a process mergeable at once (PR_SET_MEMORY_MERGE).</summary>
public sealed class KsmMergeAllTests
{
    [Fact]
    public void WhatIsMappedLater_IsMergeableToo_ButForSharedMemory()
    {
        using var rig = new KsmRig();
        uint space = rig.Process(2, mergeable: false);
        Set(rig, space, on: true);
        Assert.Equal(MmResult.Ok, rig.Machine.Map(space, rig.Address(2), 2 * rig.PageSize, VmaFlags.Read | VmaFlags.Write));
        Assert.Equal(MmResult.Ok, rig.Machine.MapShared(space, rig.Address(8), rig.PageSize, VmaFlags.Read | VmaFlags.Write));
        Assert.True(IsMergeable(rig, space, 0));
        Assert.Equal(rig.Machine.Context.Vmas.Find(space, rig.Address(0)), rig.Machine.Context.Vmas.Find(space, rig.Address(3))); // one VMA
        Assert.False(IsMergeable(rig, space, 8));
        for (int page = 0; page < 4; page++)
            rig.Fill(space, page, 7);
        rig.Machine.Ksm.Scan(2);
        Assert.All(Enumerable.Range(0, 4), page => Assert.True(rig.IsMerged(space, page)));
        rig.AssertSound();
    }

    [Fact]
    public void Ending_UnmergesWhatMadviseAskedForToo_AndCountsTheFaults()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        Set(rig, space, on: true);
        FaultCounters counters = Set(rig, space, on: false);
        Assert.Equal(2, counters.Minor);
        Assert.False(IsMergeable(rig, space, 0));
        Assert.False(rig.IsMerged(space, 0) || rig.IsMerged(space, 1));
        Assert.Equal((7, 7), (rig.Value(space, 0), rig.Value(space, 1)));
        rig.AssertSound();
    }

    [Fact]
    public void Ending_WithoutEnoughFrames_ChangesNothing()
    {
        using var rig = new KsmRig();
        uint space = rig.ProcessWithMergedPair();
        Set(rig, space, on: true);
        rig.SwapOff();
        var taken = new List<uint>();
        while (rig.Machine.Context.Folios.TryAllocate() is not 0 and var frame)
            taken.Add(frame);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.NoMemory, rig.Machine.Ksm.SetMergesAll(space, on: false, ref counters));
        Assert.True(rig.Machine.Ksm.MergesAll(space) && IsMergeable(rig, space, 0));
        foreach (uint frame in taken)
            rig.Machine.Context.Folios.Put(frame);
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.SetMergesAll(space, on: false, ref counters));
        rig.AssertSound();
    }

    [Fact]
    public void AScanThatFindsNoMemory_EndsIt()
    {
        using var rig = new KsmRig();
        uint space = rig.Machine.CreateAddressSpace();
        Set(rig, space, on: true);
        rig.Machine.Ksm.Scan();
        Assert.False(rig.Machine.Ksm.MergesAll(space));
        Assert.Equal(MmResult.Ok, rig.Machine.Map(space, rig.Address(0), rig.PageSize, VmaFlags.Read | VmaFlags.Write));
        Assert.False(IsMergeable(rig, space, 0));
        rig.AssertSound();
    }

    [Fact]
    public void AnAddressSpaceThatDoesNotLive_IsRefused()
    {
        using var rig = new KsmRig();
        var counters = new FaultCounters();
        Assert.Throws<ArgumentException>(() => rig.Machine.Ksm.MergesAll(77));
        Assert.Throws<ArgumentException>(() => rig.Machine.Ksm.SetMergesAll(77, on: true, ref counters));
        Assert.Throws<ArgumentException>(() => rig.Machine.Ksm.ZeroPages(77));
    }

    private static bool IsMergeable(KsmRig rig, uint space, int page) =>
        (rig.Machine.Context.Vmas.FlagsOf(rig.Machine.Context.Vmas.Find(space, rig.Address(page))) & VmaFlags.Mergeable) != 0;

    private static FaultCounters Set(KsmRig rig, uint space, bool on)
    {
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.SetMergesAll(space, on, ref counters));
        return counters;
    }
}
