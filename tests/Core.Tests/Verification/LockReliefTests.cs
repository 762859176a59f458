using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Behaviour;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Verification;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>A damaged image ends an operation with an exception, and no lock stays held by it.</summary>
public sealed class LockReliefTests
{
    private const ulong Nonsense = 1UL << 40;

    [Fact]
    public void Reclaim_OfAFolioWithoutAnAnonVma()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        rig.Write(rig.Process, 0, 7);
        uint frame = rig.Frame(rig.Process, 0);
        rig.Machine.Context.Frames[frame].Mapping = Nonsense;
        Assert.Throws<CorruptImageException>(() => rig.Machine.Reclaim(1));
        AssertNothingHeld(rig, () => rig.Machine.Context.Frames[frame].Mapping = 1);
        rig.Write(rig.Process, 0, 8);
    }

    [Fact]
    public void SwapIn_OfACachedFolioWithoutAnAnonVma()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: false);
        rig.Write(rig.Process, 0, 7);
        uint frame = rig.Frame(rig.Process, 0);
        Assert.Equal(MmResult.Ok, rig.Advise(rig.Process, 0, 1, Advice.PageOut));
        Assert.True(rig.Machine.Context.Frames.Has(frame, FrameFlags.SwapCache));
        ulong sound = rig.Machine.Context.Frames[frame].Mapping;
        rig.Machine.Context.Frames[frame].Mapping = 0xFFFFFF;
        Assert.Throws<CorruptImageException>(() => rig.Read(rig.Process, 0));
        AssertNothingHeld(rig, () => rig.Machine.Context.Frames[frame].Mapping = sound);
        Assert.Equal(7, rig.Read(rig.Process, 0).Value);
    }

    [Fact]
    public void PunchingAHole_WhereTheObjectNamesNothing()
    {
        using BehaviourMachine<X64FourLevel> rig = Machine(synchronous: true);
        uint shared = rig.Machine.CreateSharedObject(4);
        const ulong Address = 1UL << 34;
        Assert.Equal(MmResult.Ok, rig.Machine.MapObject(rig.Process, Address, 4 << 12, VmaFlags.Read | VmaFlags.Write, shared, 0));
        var counters = new FaultCounters();
        rig.Machine.Write(rig.Process, Address, [1], ref counters);
        uint frame = rig.Machine.Context.Vmas.Objects.Index.Load(shared, 0).Frame;
        uint tree = rig.Machine.Context.Vmas.Objects[shared].Tree;
        rig.Machine.Context.Vmas.Objects[shared].Tree = 0xFFFFFF;
        Assert.Throws<CorruptImageException>(() => rig.Machine.PunchHole(shared, 0, 1));
        AssertNothingHeld(rig, () => rig.Machine.Context.Vmas.Objects[shared].Tree = tree);
        Assert.True(rig.Machine.Context.Frames.TryLock(frame));
        rig.Machine.Context.Frames.Unlock(frame);
    }

    private static BehaviourMachine<X64FourLevel> Machine(bool synchronous)
    {
        var rig = new BehaviourMachine<X64FourLevel>();
        rig.SwapOn(synchronous);
        return rig;
    }

    private static void AssertNothingHeld(BehaviourMachine<X64FourLevel> rig, Action repair)
    {
        repair();
        Violation[] held = [.. new Verifier<X64FourLevel, CheckedModel>(rig.Machine.Context).Verify(null).Where(found => found.Invariant == "I21")];
        Assert.Empty(held);
    }
}
