using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Atomics;

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
    public void SwapOfAHugePage_KeepsTheTagsOfAllPages_OrOfNone(int failure)
    {
        using TagWorld<Arm64FourLevel<MteFrameSlot>, MteFormat, CheckedModel> w = New();
        Assert.True(IsHuge(w));
        w.Storage.Faults.FailAllocation = failure;
        w.Machine.Reclaim(1);
        Assert.Equal(0, w.Storage.Faults.FailAllocation);
        Assert.Equal(failure == 0 ? Span : 0, w.Storage.KeptCount);
        w.AssertGhosts("out");
        w.AssertSound("out");
        w.AssertSeen("in");
        w.AssertSound("in");
    }
}
