using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Verification names what is wrong with a damaged huge page.</summary>
public class HugeDamageTests
{
    private const FrameFlags Tail = FrameFlags.Tail;

    [Fact]
    public void ALostMapping_OfTheWholeFolio() => Damage("H3", rig => rig.Mm.Frames[rig.FrameAt(0) + 1].LruPrevious++);

    [Fact]
    public void AWrongCountOfHugeLeaves() => Damage("H3", rig => rig.Mm.Frames[rig.FrameAt(0) + 1].LruNext++);

    [Fact]
    public void ATailThatForgotItsFolio() => Damage("H3", rig => rig.Mm.Frames[rig.FrameAt(77)].Flags &= ~(ulong)Tail);

    [Fact]
    public void ATailWithFlagsOfItsOwn() => Damage("H3", rig => rig.Mm.Frames[rig.FrameAt(77)].Flags |= (ulong)FrameFlags.Dirty);

    [Fact]
    public void ATailWithReferencesOfItsOwn() => Damage("H3", rig => rig.Mm.Frames[rig.FrameAt(77)].RefCount = 1);

    [Fact]
    public void ATailWithAnotherIndex() => Damage("H3", rig => rig.Mm.Frames[rig.FrameAt(77)].Index++);

    [Fact]
    public void AMappingOfOnePageTooMany() => Damage("R3", rig => rig.Mm.Frames[rig.FrameAt(77)].MapCount++);

    [Fact]
    public void AReferenceTooMany() => Damage("R1", rig => rig.Mm.Frames.Get(rig.FrameAt(3)));

    [Fact]
    public void ALostSpareTable() => Damage("H2", rig => rig.Mm.Tables.TakeSpare(MiddleTable(rig)));

    [Fact]
    public void AWritableLeafOfASharedFolio() => Damage("X1", rig => rig.Mm.Frames.Clear(rig.FrameAt(0), FrameFlags.AnonExclusive));

    [Fact]
    public void ALeafAcrossTheEndOfItsVma() =>
        Damage("H1", rig => rig.Mm.Vmas[rig.Mm.Vmas.Find(rig.Space, HugeMachine<X64FourLevel>.At(0))].End = HugeMachine<X64FourLevel>.At(511));

    [Fact]
    public void ALeafThatMapsABasePage() => Damage("H1", rig =>
    {
        ref ulong word = ref rig.Mm.Tables.Entry(MiddleTable(rig), HugeMachine<X64FourLevel>.At(0), 2);
        uint frame = rig.Mm.Folios.TryAllocate();
        rig.Mm.Folios.Put(frame);
        Pte leaf = X64Leaf.MakeLeaf(frame & ~511u, MmContext<X64FourLevel, CheckedModel>.ProtectionOf(VmaFlags.Read), 2);
        PageTables<X64FourLevel, CheckedModel>.Store(ref word, leaf);
    });

    [Fact]
    public void AHugeZeroPageThatIsNotZero() => Damage("X7", rig =>
    {
        rig.Read(600);
        rig.Mm.Frames.Bytes(rig.Mm.Folios.HugeZeroFrame + 9)[5] = 1;
    });

    private static uint MiddleTable(HugeMachine<X64FourLevel> rig) =>
        rig.Mm.Tables.MiddleTable(rig.Mm.Spaces[rig.Space].Root, HugeMachine<X64FourLevel>.At(0));

    private static void Damage(string invariant, Action<HugeMachine<X64FourLevel>> damage)
    {
        using var rig = new HugeMachine<X64FourLevel>();
        rig.Map(0, 1024);
        rig.Write(0, 1);
        rig.AssertSound();
        damage(rig);
        Assert.Contains(rig.Machine.Verify(), violation => violation.Invariant == invariant);
    }
}
