using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>Devices that read and write memory past the page tables, while memory management goes on.</summary>
public class DmaStories
{
    private static Dictionary<uint, uint> Pinned(DmaTransfer transfer) =>
        transfer.PinnedFrames.ToArray().ToDictionary(frame => frame, _ => FrameTable<CheckedModel>.PinBias);

    /// <summary>
    /// An O_DIRECT read of 512 bytes into the start of a page is under way. Meanwhile reclaim comes by, and the process increments the last
    /// byte of the same page. When the read completes, both must be there. (It was lost when the swap entry forgot that the page was
    /// exclusive: the increment then went into a copy, and the device wrote into a frame that nobody mapped any more.)
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void DirectRead_IsNotLost_WhenReclaimAndAStoreComeInBetween(bool synchronous)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.SwapOn(synchronous);
        m.Write(m.Process, 0, 41, offset: 4095);
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        MmResult begun = m.Machine.Dma.TryBegin(m.Process, address, 512, DmaDirection.FromDevice, false, out DmaTransfer? transfer, ref faults);
        Assert.Equal(MmResult.Ok, begun);
        m.Machine.ReclaimAll();
        m.Advise(m.Process, 0, 1, Advice.PageOut);
        m.Write(m.Process, 0, (byte)(m.Read(m.Process, 0, 4095).Value + 1), offset: 4095);
        m.Sound(Pinned(transfer!));
        byte[] fromDevice = [.. Enumerable.Range(0, 512).Select(i => (byte)(i ^ 0x5a))];
        m.Machine.Dma.Write(transfer!, 0, fromDevice);
        m.Machine.Dma.Complete(transfer!);
        byte[] seen = new byte[512];
        Assert.Equal(UserAccessResult.Ok, m.Machine.Read(m.Process, address, seen, ref faults));
        Assert.Equal(fromDevice, seen);
        Assert.Equal(42, m.Read(m.Process, 0, 4095).Value);
        m.Sound();
    }

    /// <summary>The same with a plain reference, as a pipe holds it: the page leaves the page table but its swap entry stays exclusive.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PageInAPipe_StaysTheProcesssPage_ThroughPageOut(bool synchronous)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.SwapOn(synchronous);
        m.Write(m.Process, 0, 1);
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        Assert.Equal(MmResult.Ok, m.Machine.Gup.TryTake(m.Process, address, GupFlags.Get, out uint frame, ref faults));
        m.Advise(m.Process, 0, 1, Advice.PageOut);
        Assert.Equal(SoftLeafKind.Swap, m.KindOf(m.Process, 0));
        m.Sound(new Dictionary<uint, uint> { [frame] = 1 });
        m.Write(m.Process, 0, 2);
        Assert.Equal(frame, m.Frame(m.Process, 0));
        Assert.Equal(2, m.Machine.Context.Frames.Bytes(frame)[0]);
        m.Machine.Gup.Put(frame, GupFlags.Get);
        m.Sound();
    }

    [Fact]
    public void ForkOfAPinnedPage_GivesTheChildACopy_AndTheDeviceKeepsTheParents()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.Write(m.Process, 0, 1);
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        m.Machine.Dma.TryBegin(m.Process, address, 4096, DmaDirection.FromDevice, true, out DmaTransfer? transfer, ref faults);
        uint child = m.Machine.Fork(m.Process);
        Assert.NotEqual(m.Frame(m.Process, 0), m.Frame(child, 0));
        m.Write(m.Process, 0, 2);
        m.Machine.Dma.Write(transfer!, 1, [3]);
        m.Machine.Dma.Complete(transfer!);
        Assert.Equal((2, 3), (m.Read(m.Process, 0).Value, m.Read(m.Process, 0, 1).Value));
        Assert.Equal((1, 0), (m.Read(child, 0).Value, m.Read(child, 0, 1).Value));
        m.Sound();
    }

    [Fact]
    public void ReadOnlyPinOfASharedPage_UnsharesItFirst()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.Write(m.Process, 0, 1);
        uint child = m.Machine.Fork(m.Process);
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        m.Machine.Dma.TryBegin(child, address, 4096, DmaDirection.ToDevice, false, out DmaTransfer? transfer, ref faults);
        Assert.NotEqual(m.Frame(m.Process, 0), m.Frame(child, 0));
        Assert.False(X64Leaf.IsWritable(m.Entry(child, 0)));
        m.Write(child, 0, 2); // stays in the pinned frame
        byte[] one = new byte[1];
        m.Machine.Dma.Read(transfer!, 0, one);
        Assert.Equal(2, one[0]);
        m.Machine.Dma.Complete(transfer!);
        m.Sound();
    }

    /// <summary>A lazily freed page that a device holds may still be written by it: it is kept, and what the device wrote is kept.</summary>
    [Fact]
    public void LazilyFreedPage_WithAPin_KeepsWhatTheDeviceWrites()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        m.SwapOn(synchronous: true);
        m.Write(m.Process, 0, 1);
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        m.Machine.Dma.TryBegin(m.Process, address, 1, DmaDirection.FromDevice, false, out DmaTransfer? transfer, ref faults);
        m.Advise(m.Process, 0, 1, Advice.Free);
        m.Machine.ReclaimAll();
        m.Machine.Dma.Write(transfer!, 0, [9]);
        m.Machine.Dma.Complete(transfer!);
        m.Machine.ReclaimAll();
        Assert.Equal(9, m.Read(m.Process, 0).Value);
        m.Sound();
    }

    [Fact]
    public void AFailedTransfer_LeavesNothingPinned()
    {
        using var m = new BehaviourMachine<X64FourLevel>(pages: 2);
        m.Write(m.Process, 0, 1);
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        MmResult begun = m.Machine.Dma.TryBegin(m.Process, address, 3 * 4096, DmaDirection.FromDevice, false, out DmaTransfer? transfer, ref faults);
        Assert.Equal(MmResult.Fault, begun);
        Assert.Null(transfer);
        m.Sound();
    }

    [Fact]
    public void ACompletedTransfer_CannotBeUsed()
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        var faults = new FaultCounters();
        ulong address = BehaviourMachine<X64FourLevel>.Address(0);
        m.Machine.Dma.TryBegin(m.Process, address, 8, DmaDirection.FromDevice, false, out DmaTransfer? transfer, ref faults);
        Assert.Throws<ArgumentOutOfRangeException>(() => m.Machine.Dma.Write(transfer!, 4, new byte[5]));
        m.Machine.Dma.Complete(transfer!);
        Assert.Throws<InvalidOperationException>(() => m.Machine.Dma.Complete(transfer!));
        Assert.Throws<InvalidOperationException>(() => m.Machine.Dma.Write(transfer!, 0, [1]));
    }
}
