using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>Too little RAM is a result, never a crash, and leaves the machine sound whatever was under way.</summary>
public abstract class ShortageStories<TArch>
    where TArch : struct, IArchitecture
{
    /// <summary>The same operations on machines of every size from one that can do nothing to one that can do all of it.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public void EveryAmountOfRam_LeavesTheMachineSound(bool swap, bool synchronous)
    {
        int succeeded = 0;
        for (uint frames = 16; frames < 80; frames++)
        {
            using var m = new BehaviourMachine<TArch>(frames, pages: 12);
            if (m.Process == 0)
                continue;
            if (swap)
                m.SwapOn(synchronous);
            bool all = m.Mapped == MmResult.Ok && Operate(m);
            succeeded += all ? 1 : 0;
            m.Machine.Settle();
            m.Sound();
            m.Machine.Exit(m.Process);
            m.Machine.ReclaimAll();
            m.Sound();
            Assert.Equal(m.FreeAtStart, m.Machine.Context.Folios.Allocator.FreeCount);
        }

        Assert.InRange(succeeded, 1, 63); // some sizes suffice, some do not
    }

    private static bool Operate(BehaviourMachine<TArch> m)
    {
        var faults = new FaultCounters();
        bool ok = true;
        for (uint page = 0; page < m.Pages; page++)
            ok &= m.Machine.Write(m.Process, BehaviourMachine<TArch>.Address(page), [(byte)page], ref faults) == UserAccessResult.Ok;
        uint child = m.Machine.Fork(m.Process);
        ok &= child != 0;
        for (uint page = 0; page < m.Pages; page += 2)
            ok &= m.Machine.Write(m.Process, BehaviourMachine<TArch>.Address(page), [0xff], ref faults) == UserAccessResult.Ok;
        ok &= m.Machine.Dma.TryBegin(
            m.Process,
            BehaviourMachine<TArch>.Address(0),
            (int)BehaviourMachine<TArch>.Bytes(m.Pages),
            DmaDirection.FromDevice,
            false,
            out DmaTransfer? whole,
            ref faults) == MmResult.Ok; // all pages in RAM at once: no reclaim makes the smallest machines do that
        if (whole is not null)
            m.Machine.Dma.Complete(whole);
        ulong far = BehaviourMachine<TArch>.Start << 4;
        ok &= m.Machine.Move(m.Process, BehaviourMachine<TArch>.Address(4), far, BehaviourMachine<TArch>.Bytes(4)) == MmResult.Ok;
        ok &= m.Advise(m.Process, 8, 4, Advice.PopulateWrite) == MmResult.Ok;
        ok &= m.Machine.Dma.TryBegin(
            m.Process, BehaviourMachine<TArch>.Address(8), 16, DmaDirection.FromDevice, false, out DmaTransfer? transfer, ref faults) == MmResult.Ok;
        if (transfer is not null)
            m.Machine.Dma.Complete(transfer);
        if (child != 0)
            m.Machine.Exit(child);
        return ok;
    }

    [Fact]
    public void WithSwap_MoreIsMappedThanThereIsRam()
    {
        using var m = new BehaviourMachine<TArch>(frames: 64, pages: 200);
        m.SwapOn(synchronous: false);
        for (uint page = 0; page < m.Pages; page++)
            m.Write(m.Process, page, (byte)(page * 3));
        for (uint page = 0; page < m.Pages; page++)
            Assert.Equal((byte)(page * 3), (byte)m.Read(m.Process, page).Value);
        m.Machine.Settle();
        m.Sound();
    }
}

public class X64ShortageStories : ShortageStories<X64FourLevel>;

public class Sun4vShortageStories : ShortageStories<Sun4v>;
