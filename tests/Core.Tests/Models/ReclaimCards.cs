using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>A lazily freed page that a device holds is reclaimed; the device writes it, marks it dirty and lets it go meanwhile.</summary>
internal sealed class LazyFreeCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly uint frame;

    public LazyFreeCard()
        : base(slots: 4)
    {
        Map(Parent, 1);
        Write(Parent, 0, Old);
        Advise(Parent, 0, 1, Advice.Free);
        frame = Take(Parent, 0, GupFlags.Get | GupFlags.Write, fast: true);
    }

    public override void Observed() => PageOut(Parent, 0);

    public override void Others()
    {
        SharedBytes<TModel>.Copy([New], Mm.Frames.Bytes(frame));
        Machine.Gup.Put(frame, GupFlags.Get | GupFlags.Write);
    }

    public override string? Judge() => Expect(New, Parent, 0) ?? FirstViolation();
}

/// <summary>A shared page goes to swap while its object is cut.</summary>
internal sealed class TruncateCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    public TruncateCard()
        : base(slots: 4)
    {
        Map(Parent, 1, shared: true);
        Write(Parent, 0, Old);
    }

    public override void Observed() => Machine.ReclaimAll();

    public override void Others() => Machine.Truncate(Mm.Vmas[Mm.Vmas.Find(Parent, At(0))].SharedObject, 0);

    public override string? Judge() => FirstViolation() ?? (Mm.Swap.TotalInUse == 0 ? null : "a slot is left in use");
}

/// <summary>Fork shares a page that a device takes hold of without locks meanwhile; then the parent writes, and the device writes.</summary>
internal sealed class PinDuringForkCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private uint frame;

    public PinDuringForkCard()
        : base(slots: 4)
    {
        Map(Parent, 1);
        Write(Parent, 0, Old);
    }

    public override void Observed() => Machine.Fork(Parent);

    public override void Others()
    {
        if (!new GupFast<X64FourLevel, TModel>(Mm).TryTake(Parent, At(0), GupFlags.Pin | GupFlags.Write, out frame))
            frame = 0; // the slow path would wait for fork
    }

    public override string? Judge()
    {
        if (frame == 0)
            return null;
        Write(Parent, 0, 3);
        SharedBytes<TModel>.Copy([New], Mm.Frames.Bytes(frame));
        Machine.Gup.Put(frame, GupFlags.Pin | GupFlags.Write);
        return Expect(New, Parent, 0) ?? FirstViolation();
    }
}

/// <summary>A lock-free hold is taken of a page whose frame goes to another page meanwhile.</summary>
internal sealed class ReplacedPageCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private uint frame;

    public ReplacedPageCard()
        : base(slots: 4)
    {
        Map(Parent, 2);
        Write(Parent, 0, Old);
        Machine.Settle(); // so that its frame can be handed out again at once
    }

    public override void Observed()
    {
        if (!new GupFast<X64FourLevel, TModel>(Mm).TryTake(Parent, At(0), GupFlags.Get | GupFlags.Write, out frame))
            frame = 0;
    }

    public override void Others()
    {
        Advise(Parent, 0, 1, Advice.DontNeed);
        Write(Parent, 1, Old);
        Write(Parent, 0, New);
    }

    public override string? Judge()
    {
        bool foreign = frame != 0 && frame == FrameOf(Parent, 1);
        if (frame != 0)
            Machine.Gup.Put(frame, GupFlags.Get | GupFlags.Write);
        return foreign ? $"frame {frame} was taken for page 0 and is page 1" : FirstViolation();
    }
}

/// <summary>Two equal pages are merged while a device takes hold of one of them without locks; later it writes.</summary>
internal sealed class HeldDuringMergeCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private uint frame;

    public HeldDuringMergeCard()
        : base(slots: 4)
    {
        Map(Parent, 2);
        Advise(Parent, 0, 2, Advice.Mergeable);
        Write(Parent, 0, Old);
        Write(Parent, 1, Old);
        Machine.Ksm.Scan(1);
    }

    public override void Observed() => Machine.Ksm.Scan(1);

    public override void Others()
    {
        if (!new GupFast<X64FourLevel, TModel>(Mm).TryTake(Parent, At(0), GupFlags.Get | GupFlags.Write, out frame))
            frame = 0; // not writable any more: the slow path would break the sharing
    }

    public override string? Judge()
    {
        if (frame == 0)
            return FirstViolation();
        SharedBytes<TModel>.Copy([New], Mm.Frames.Bytes(frame));
        Machine.Gup.Put(frame, GupFlags.Get | GupFlags.Write);
        return Expect(New, Parent, 0) ?? Expect(Old, Parent, 1) ?? FirstViolation();
    }
}

/// <summary>
/// swapoff finds a folio that only the swap cache keeps in its area; meanwhile it leaves its slot, is written, and gets a slot of another area,
/// where its content has not arrived yet.
/// </summary>
internal sealed class WrongAreaCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    public WrongAreaCard()
        : base(slots: 8, synchronous: false)
    {
        Map(Parent, 1);
        Write(Parent, 0, Old);
        Machine.ReclaimAll();
        Read(Parent, 0);
        Assert.Equal(1ul, Mm.Swap.TotalInUse);
        Assert.Equal(SwapResult.Ok, Machine.SwapOn(new SwapAreaOptions { Slots = 8 }, out _));
    }

    public override void Observed() => Machine.SwapOff(0);

    public override void Others()
    {
        Advise(Parent, 0, 1, Advice.Free);
        Write(Parent, 0, New);
        PageOut(Parent, 0); // finds that it was written
        PageOut(Parent, 0);
    }

    public override string? Judge() => Expect(New, Parent, 0) ?? FirstViolation();
}

/// <summary>
/// The last entry of a slot goes while its folio is in the swap cache, and the area is removed before that is looked for; another area takes its
/// place, and another process's page the slot.
/// </summary>
internal sealed class AreaGoneWhileDroppingCard<TModel> : Card<TModel>
    where TModel : struct, IExplored
{
    private readonly uint other;

    public AreaGoneWhileDroppingCard()
        : base(slots: 1)
    {
        other = Machine.CreateAddressSpace();
        Map(other, 1);
        Map(Parent, 1);
        Write(Parent, 0, Old);
        Machine.ReclaimAll();
        Advise(Parent, 0, 1, Advice.WillNeed);
        Write(other, 0, New);
        Assert.True(IsSwapped(Parent, 0));
    }

    public override int EnoughSchedules => 1;

    public override void Observed() => Advise(Parent, 0, 1, Advice.DontNeed);

    public override void Others()
    {
        Assert.Equal(SwapResult.Ok, Machine.SwapOff(0));
        SwapOnAgain(0, synchronous: true);
        PageOut(other, 0);
    }

    public override string? Judge() => Expect(New, other, 0) ?? Expect(0, Parent, 0) ?? FirstViolation();
}
