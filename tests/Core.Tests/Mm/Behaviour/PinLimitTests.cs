using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>A page can be pinned millions of times, but never so often that its reference count wraps.</summary>
public sealed class PinLimitTests
{
    private const GupFlags PinToWrite = GupFlags.Pin | GupFlags.Write;

    [Theory]
    [InlineData(GupFlags.Pin | GupFlags.Write)]
    [InlineData(GupFlags.Pin)]
    [InlineData(GupFlags.Get)]
    public void APage_TakenTooOften_IsRefused_AndStaysWhole(GupFlags flags)
    {
        using var rig = new BehaviourMachine<X64FourLevel>();
        rig.Write(rig.Process, 0, 7);
        uint frame = rig.Frame(rig.Process, 0);
        FrameTable<CheckedModel> frames = rig.Machine.Context.Frames;
        int others = (int)(FrameTable<CheckedModel>.ReferenceLimit - frames.References(frame));
        frames.Get(frame, others);

        var counters = new FaultCounters();
        var fast = new GupFast<X64FourLevel, CheckedModel>(rig.Machine.Context);
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        Assert.False(fast.TryTake(rig.Process, address, flags, out _));
        Assert.Equal(MmResult.NoMemory, rig.Machine.Gup.TryTake(rig.Process, address, flags, out _, ref counters));
        Assert.Equal(FrameTable<CheckedModel>.ReferenceLimit, frames.References(frame));

        frames.Put(frame, others);
        rig.Sound();
        Assert.True(fast.TryTake(rig.Process, address, flags, out uint taken));
        rig.Machine.Gup.Put(taken, flags);
        rig.Sound();
    }

    [Fact]
    public void TwoMillionPins_OfOnePage_EndInAResult()
    {
        using var rig = new BehaviourMachine<X64FourLevel>();
        rig.Write(rig.Process, 0, 7);
        var counters = new FaultCounters();
        var fast = new GupFast<X64FourLevel, CheckedModel>(rig.Machine.Context);
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        int pins = 0;
        while (fast.TryTake(rig.Process, address, PinToWrite, out _))
            pins++;
        Assert.Equal((int)(FrameTable<CheckedModel>.ReferenceLimit / FrameTable<CheckedModel>.PinBias), pins);
        Assert.Equal(MmResult.NoMemory, rig.Machine.Gup.TryTake(rig.Process, address, PinToWrite, out _, ref counters));
        for (; pins != 0; pins--)
            rig.Machine.Gup.Put(rig.Frame(rig.Process, 0), PinToWrite);
        rig.Sound();
    }
}
