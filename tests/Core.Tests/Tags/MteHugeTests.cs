using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Tags;

/// <inheritdoc/>
public sealed class MteHugeTests : TagHugeTests<Arm64FourLevel<MteFrameSlot>, MteFormat>
{
    /// <summary>A huge page has a cluster of its own and is written as one folio: the tags of all its pages are kept, or of none.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(300)]
    [InlineData(512)]
    public void SwapOfAHugePage_KeepsTheTagsOfAllPages(int failure)
    {
        using TagWorld<Arm64FourLevel<MteFrameSlot>, MteFormat, CheckedModel> w = New();
        Assert.True(IsHuge(w));
        w.Storage.Faults.FailAllocation = failure;
        w.Machine.Reclaim(1);
        Assert.Equal(0, w.Storage.Faults.FailAllocation);
        Assert.Equal(Span, w.Storage.KeptCount); // reclaim tries again, and then it finds room for all
        w.AssertGhosts("out");
        w.AssertSound("out");
        w.AssertSeen("in");
        w.AssertSound("in");
    }

    /// <summary>Room for the tags of most pages is none: what was kept for some of them goes again.</summary>
    [Theory]
    [InlineData(1u)]
    [InlineData(300u)]
    [InlineData(511u)]
    public void WriteOfAHugePage_KeepsTheTagsOfAllPages_OrOfNone(uint room)
    {
        using TagWorld<Arm64FourLevel<MteFrameSlot>, MteFormat, CheckedModel> w = New();
        Assert.True(w.Is(w.Process, 0, out uint head));
        w.Mm.Frames.Get(head);
        w.Mm.Frames.Lock(head);
        Assert.Equal(SwapResult.Ok, w.Mm.Swap.TryAllocateLarge(head));
        var tags = (ISlotTagEvents)w.Mm.Tags;
        w.Storage.Faults.FailAllocation = (int)room + 1;
        Assert.False(tags.TryPrepareToSwap(head, Span));
        Assert.Equal(0, w.Storage.Faults.FailAllocation);
        Assert.Equal(0u, w.Storage.KeptCount);
        Assert.True(tags.TryPrepareToSwap(head, Span));
        Assert.Equal(Span, w.Storage.KeptCount);
        w.Mm.Frames.Unlock(head);
        w.Mm.Folios.Put(head);
        w.AssertGhosts("kept");
        w.AssertSound("kept");
    }
}
