using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>What a process sees when it touches memory, forks, and is swapped out.</summary>
public abstract class FaultStories<TArch>
    where TArch : struct, IArchitecture
{
    [Fact]
    public void FirstLoad_ShowsTheZeroPage_AndFirstStoreBringsAFrame()
    {
        using var m = new BehaviourMachine<TArch>();
        Assert.Equal((0, 1, 0), m.Read(m.Process, 0));
        Assert.Equal(0u, m.Frame(m.Process, 0));
        Assert.Equal((1, 0), m.Write(m.Process, 0, 7));
        uint frame = m.Frame(m.Process, 0);
        Assert.True(m.Machine.Context.Frames.Has(frame, FrameFlags.Anon | FrameFlags.AnonExclusive));
        Assert.Equal((7, 0, 0), m.Read(m.Process, 0));
        Assert.Equal((0, 0), m.Write(m.Process, 0, 8));
        m.Sound();
    }

    [Fact]
    public void StoreAfterFork_CopiesForTheWriter_AndTheOtherReusesItsFrame()
    {
        using var m = new BehaviourMachine<TArch>();
        m.Write(m.Process, 0, 1);
        uint original = m.Frame(m.Process, 0);
        uint child = m.Machine.Fork(m.Process);
        Assert.False(m.Machine.Context.Frames.Has(original, FrameFlags.AnonExclusive));
        Assert.Equal((1, 0), m.Write(child, 0, 2));
        Assert.NotEqual(original, m.Frame(child, 0));
        Assert.Equal((1, 0), m.Write(m.Process, 0, 3)); // a fault, but no copy: nobody else has the frame
        Assert.Equal(original, m.Frame(m.Process, 0));
        Assert.Equal((2, 3), (m.Read(child, 0).Value, m.Read(m.Process, 0).Value));
        m.Sound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ExclusivePage_ComesBackWritable_AfterSwap(bool synchronous)
    {
        using var m = new BehaviourMachine<TArch>();
        uint area = m.SwapOn(synchronous);
        m.Write(m.Process, 0, 5);
        m.Machine.ReclaimAll();
        Assert.True(TArch.IsSwapExclusive(m.Entry(m.Process, 0)));
        Assert.Equal((5, 0, 1), m.Read(m.Process, 0));
        Assert.Equal(synchronous ? 0u : 1u, m.Machine.Context.Swap.InUse(area)); // only a synchronous area lets go of the slot at once
        Assert.Equal((TArch.BigEndian ? 1 : 0, 0), m.Write(m.Process, 0, 6)); // sparc64 traps on the first store to a clean page
        m.Sound();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SharedPage_HasOneSlotForBoth_AndIsNotExclusiveAfterwards(bool synchronous)
    {
        using var m = new BehaviourMachine<TArch>();
        uint area = m.SwapOn(synchronous);
        m.Write(m.Process, 0, 5);
        uint child = m.Machine.Fork(m.Process);
        m.Machine.ReclaimAll();
        Assert.Equal(1u, m.Machine.Context.Swap.InUse(area));
        Assert.Equal((5, 0, 1), m.Read(child, 0));
        Assert.Equal((5, 1, 0), m.Read(m.Process, 0)); // found in the swap cache
        Assert.Equal(m.Frame(child, 0), m.Frame(m.Process, 0));
        Assert.False(m.Machine.Context.Frames.Has(m.Frame(child, 0), FrameFlags.AnonExclusive));
        m.Write(child, 0, 6);
        Assert.Equal(5, m.Read(m.Process, 0).Value);
        m.Sound();
    }

    [Fact]
    public void LazilyFreedPage_IsDropped_UnlessItIsWrittenAgain()
    {
        using var m = new BehaviourMachine<TArch>();
        m.SwapOn(synchronous: true);
        m.Write(m.Process, 0, 1);
        m.Write(m.Process, 1, 1);
        Assert.Equal(MmResult.Ok, m.Advise(m.Process, 0, 2, Advice.Free));
        m.Write(m.Process, 1, 2);
        m.Machine.ReclaimAll();
        Assert.Equal((0, 1, 0), m.Read(m.Process, 0));
        Assert.Equal((2, 0, 1), m.Read(m.Process, 1));
        m.Sound();
    }

    [Fact]
    public void Unmapped_Protected_AndGuardedPages_CannotBeTouched()
    {
        using var m = new BehaviourMachine<TArch>();
        var faults = new FaultCounters();
        byte[] one = new byte[1];
        m.Write(m.Process, 0, 1);
        m.Write(m.Process, 1, 1);
        m.Machine.Unmap(m.Process, BehaviourMachine<TArch>.Address(3), BehaviourMachine<TArch>.Bytes(1));
        m.Machine.Protect(m.Process, BehaviourMachine<TArch>.Address(0), BehaviourMachine<TArch>.Bytes(1), AccessRights.Read, ref faults);
        m.Machine.Protect(m.Process, BehaviourMachine<TArch>.Address(1), BehaviourMachine<TArch>.Bytes(1), AccessRights.None, ref faults);
        Assert.Equal(MmResult.Ok, m.Advise(m.Process, 2, 1, Advice.GuardInstall));
        UserAccessResult Store(uint page) => m.Machine.Write(m.Process, BehaviourMachine<TArch>.Address(page), one, ref faults);
        UserAccessResult Load(uint page) => m.Machine.Read(m.Process, BehaviourMachine<TArch>.Address(page), one, ref faults);
        Assert.Equal((UserAccessResult.Ok, UserAccessResult.SegmentationFault), (Load(0), Store(0)));
        for (uint page = 1; page <= 3; page++)
            Assert.Equal((UserAccessResult.SegmentationFault, UserAccessResult.SegmentationFault), (Load(page), Store(page)));
        Assert.Equal(default, faults);
        Assert.Equal(MmResult.Ok, m.Advise(m.Process, 2, 1, Advice.GuardRemove));
        Assert.Equal(UserAccessResult.Ok, Store(2));
        m.Sound();
    }

    [Fact]
    public void Accesses_CrossPages()
    {
        using var m = new BehaviourMachine<TArch>();
        var faults = new FaultCounters();
        byte[] data = [.. Enumerable.Range(0, 3 << TArch.PageShift).Select(i => (byte)(i * 7))];
        ulong address = BehaviourMachine<TArch>.Address(1) + 123;
        Assert.Equal(UserAccessResult.Ok, m.Machine.Write(m.Process, address, data, ref faults));
        byte[] back = new byte[data.Length];
        Assert.Equal(UserAccessResult.Ok, m.Machine.Read(m.Process, address, back, ref faults));
        Assert.Equal(data, back);
        Assert.Equal(4, faults.Minor);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SwapOff_BringsEverythingBack_ReadOnly_AndTheNextStoreNeedsNoCopy(bool synchronous)
    {
        using var m = new BehaviourMachine<TArch>();
        uint area = m.SwapOn(synchronous);
        for (uint page = 0; page < m.Pages; page++)
            m.Write(m.Process, page, (byte)(page + 1));
        m.Machine.ReclaimAll();
        Assert.Equal(PageTableEmu.Swap.SwapResult.Ok, m.Machine.SwapOff(area));
        for (uint page = 0; page < m.Pages; page++)
        {
            uint frame = m.Frame(m.Process, page);
            Assert.Equal(page + 1, (uint)m.Machine.Context.Frames.Bytes(frame)[0]);
            Assert.False(TArch.IsWritable(m.Entry(m.Process, page)));
            Assert.Equal((1, 0), m.Write(m.Process, page, 99));
            Assert.Equal(frame, m.Frame(m.Process, page));
        }

        m.Sound();
    }
}

public class X64FaultStories : FaultStories<X64FourLevel>;

public class X64FiveLevelFaultStories : FaultStories<X64FiveLevel>;

public class Sun4uFaultStories : FaultStories<Sun4u>;

public class Sun4vM7FaultStories : FaultStories<Sun4vM7>;
