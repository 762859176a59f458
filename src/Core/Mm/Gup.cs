using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// Takes hold of pages on behalf of somebody who is not a processor executing user code (mm/gup.c, the slow path): faults them in with the
/// access wanted and takes a reference or a pin under the page-table lock.
/// </summary>
/// <remarks>
/// A pin is taken of exclusive pages only, and whoever clears exclusiveness looks for pins first, so a pinned page and its page table stay in
/// step. The address space's HasPinned is set before the first pin is tried; fork copies pinned pages only where it is set.
/// </remarks>
/// <example>
/// <code>
/// MmResult result = machine.Gup.TryTake(process, address, GupFlags.Pin | GupFlags.Write, out uint frame, ref faults);
/// machine.ReclaimAll();                          // the page stays where it is
/// if (result == MmResult.Ok)
///     machine.Gup.Put(frame, GupFlags.Pin);
/// </code>
/// </example>
public sealed class Gup<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;

    /// <summary>Makes the operations of a machine.</summary>
    public Gup(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.faults = faults;
    }

    private enum Follow
    {
        Taken,
        NeedsFault,
        NeedsWrite,
        NeedsUnshare,
        Refused,
    }

    /// <summary>
    /// Takes hold of one page, taking the mmap_lock for it.
    /// </summary>
    /// <param name="space">The address space.</param>
    /// <param name="virtualAddress">Any address in the page.</param>
    /// <param name="flags">Get or Pin, and how.</param>
    /// <param name="frame">The frame, to be given back with <see cref="Put"/> and the same flags.</param>
    /// <param name="counters">Whose faults to count.</param>
    /// <returns>
    /// Ok; Fault when nothing is mapped there or not with such access; NoMemory, also when the page has been taken hold of too often.
    /// </returns>
    /// <exception cref="ArgumentException">The flags say neither Get nor Pin, which would keep nothing; or no such space lives.</exception>
    public MmResult TryTake(uint space, ulong virtualAddress, GupFlags flags, out uint frame, ref FaultCounters counters)
    {
        ThrowUnlessHolding(flags);
        mm.Spaces.ThrowIfNotLive(space);
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        return FaultIn(space, virtualAddress, flags, out frame, ref counters);
    }

    /// <summary>Gives back what <see cref="TryTake"/> took with the same flags; after a write the frame is marked dirty.</summary>
    /// <exception cref="ArgumentException">The flags say neither Get nor Pin.</exception>
    public void Put(uint frame, GupFlags flags)
    {
        ThrowUnlessHolding(flags);
        if ((flags & GupFlags.Write) != 0)
            mm.Frames.Set(frame, FrameFlags.Dirty); // before the reference goes: a lazily freed page must not look clean and unused
        if (frame != mm.Folios.ZeroFrame)
            Drop(frame, flags);
    }

    /// <summary>
    /// As <see cref="TryTake"/> for a caller that holds the mmap_lock for reading; it is given up and taken again when a device is waited for
    /// or frames have to be reclaimed.
    /// </summary>
    public MmResult FaultIn(uint space, ulong virtualAddress, GupFlags flags, out uint frame, ref FaultCounters counters)
    {
        if ((flags & GupFlags.Pin) != 0)
            Atomic<TModel>.Store(ref mm.Spaces[space].HasPinned, 1);
        using FrameAllocator<TModel>.PinningScope scope = FrameAllocator<TModel>.SetPinning((flags & GupFlags.LongTerm) != 0);
        FaultFlags tried = (flags & GupFlags.KeepLock) == 0 ? FaultFlags.AllowRetry : FaultFlags.None;
        int pressure = 0;
        bool copied = false;
        while (true)
        {
            uint vma = mm.Vmas.Find(space, virtualAddress);
            frame = 0;
            if (vma == 0 || !IsAllowed(mm.Vmas.FlagsOf(vma), flags))
                return MmResult.Fault;
            Follow follow = FollowPage(vma, virtualAddress, flags, copied, out frame);
            if (follow == Follow.Taken)
                return MmResult.Ok;
            if (follow == Follow.Refused)
                return MmResult.NoMemory;
            FaultResult result = faults.Handle(vma, virtualAddress, tried | FaultFor(follow, flags), ref counters);
            NoteCopy(vma, follow, result, ref flags, ref copied);
            if ((result & FaultResult.Userfault) != 0)
            {
                if (!TryResolve(space, virtualAddress, result, tried | FaultFor(follow, flags)))
                    return MmResult.Fault;
                tried |= FaultFlags.Tried;
            }
            else if ((result & FaultResult.OutOfMemory) != 0)
            {
                if (pressure++ == MmContext<TArch, TModel>.PressureTries || !AskForFrames(space, flags))
                    return MmResult.NoMemory;
            }
            else if ((result & FaultResult.Error) != 0)
            {
                return MmResult.Fault;
            }
            else if ((result & FaultResult.Retry) != 0)
            {
                mm.Spaces.ReleaseRead(space);
                mm.Spaces.AcquireRead(space);
                if ((flags & GupFlags.ForgetTried) == 0)
                    tried |= FaultFlags.Tried;
                else
                    mm.Folios.Allocator.AdvanceEpoch(); // a populate loop begins anew for this page, and drains the batches before
            }
        }
    }

    /// <summary>
    /// Faults pages of a VMA in from an address on: those that can be brought in together, or one. The flags take no hold of them.
    /// </summary>
    /// <param name="space">The address space, whose mmap_lock is held; it may be given up and taken again.</param>
    /// <param name="vma">The VMA that covers the address; whether it does still is unknown on return.</param>
    /// <param name="address">Address of the first page; on return, of the page behind the last that was tried.</param>
    /// <param name="end">First address behind those wanted; at most the end of the VMA.</param>
    /// <param name="flags">The access wanted.</param>
    /// <param name="counters">Whose faults to count.</param>
    internal MmResult FaultIn(uint space, uint vma, ref ulong address, ulong end, GupFlags flags, ref FaultCounters counters)
    {
        ulong first = address;
        if (IsAllowed(mm.Vmas.FlagsOf(vma), flags))
            address = faults.HandleRun(vma, first, end, FaultFor(Follow.NeedsFault, flags), (flags & GupFlags.Touch) != 0, ref counters);
        if (address != first)
            return MmResult.Ok;
        address += 1UL << TArch.PageShift;
        return FaultIn(space, first, flags, out _, ref counters);
    }

    /// <summary>
    /// Has a userfault resolved by the handler of this process, without the mmap_lock. A caller that must keep the lock cannot wait for that,
    /// nor can one without a handler: they get the error that the kernel has for faults which may not be retried.
    /// </summary>
    private bool TryResolve(uint space, ulong virtualAddress, FaultResult result, FaultFlags flags)
    {
        if ((flags & FaultFlags.AllowRetry) == 0)
            return false;
        ulong page = virtualAddress & ~((1UL << TArch.PageShift) - 1);
        var message = UserfaultMessage.Of(space, page, result, (flags & FaultFlags.Write) != 0);
        using FrameAllocator<TModel>.PinningScope handler = FrameAllocator<TModel>.SetPinning(false); // another thread's work, by rights
        mm.Spaces.ReleaseRead(space);
        bool resolved = mm.Userfaults.TryResolve(message);
        mm.Spaces.AcquireRead(space);
        return resolved;
    }

    private static void ThrowUnlessHolding(GupFlags flags)
    {
        if ((flags & (GupFlags.Get | GupFlags.Pin)) == 0)
            throw new ArgumentException($"The flags are {flags}; one of {GupFlags.Get} and {GupFlags.Pin} is needed.", nameof(flags));
    }

    private static FaultFlags FaultFor(Follow follow, GupFlags flags) => follow switch
    {
        Follow.NeedsWrite => FaultFlags.Write,
        Follow.NeedsUnshare => FaultFlags.Unshare,
        _ => (flags & GupFlags.Write) != 0 ? FaultFlags.Write : FaultFlags.None,
    };

    /// <summary>check_vma_flags: force overrides the rights, but writing through a shared mapping needs the right.</summary>
    private static bool IsAllowed(VmaFlags vma, GupFlags flags)
    {
        bool force = (flags & GupFlags.Force) != 0;
        if ((flags & GupFlags.Write) != 0)
            return (vma & VmaFlags.Write) != 0 || (force && (vma & (VmaFlags.Shared | VmaFlags.MayWrite)) == VmaFlags.MayWrite);
        return (vma & VmaFlags.Read) != 0 || (force && (vma & VmaFlags.MayRead) != 0);
    }

    /// <summary>What former rules made of a write fault that was handled for a forced write (faultin_page).</summary>
    private void NoteCopy(uint vma, Follow follow, FaultResult result, ref GupFlags flags, ref bool copied)
    {
        const FaultResult NotYet = FaultResult.Error | FaultResult.Retry | FaultResult.Userfault;
        if (TModel.ForcedWrite == ForcedWrite.NeedsExclusive || follow == Follow.Taken || (result & NotYet) != 0)
            return;
        if ((flags & (GupFlags.Force | GupFlags.Write)) != (GupFlags.Force | GupFlags.Write) || (mm.Vmas.FlagsOf(vma) & VmaFlags.Write) != 0)
            return;
        copied = true;
        if (TModel.ForcedWrite == ForcedWrite.DropsWrite)
            flags &= ~GupFlags.Write;
    }

    private bool AskForFrames(uint space, GupFlags flags)
    {
        if ((flags & GupFlags.KeepLock) != 0)
            return false;
        mm.Spaces.ReleaseRead(space);
        bool freed = mm.TryFindFrames();
        mm.Spaces.AcquireRead(space);
        return freed;
    }

    /// <summary>follow_page_pte: with the table locked, look whether the entry will do, and take hold of the frame.</summary>
    private Follow FollowPage(uint vma, ulong virtualAddress, GupFlags flags, bool copied, out uint frame)
    {
        frame = 0;
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[mm.Vmas[vma].AddressSpace].Root, virtualAddress);
        if (guard.Table == 0)
            return FollowHuge(vma, virtualAddress, flags, copied, out frame);
        Pte entry = guard[virtualAddress].Value;
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1))
            return Follow.NeedsFault;
        uint normal = MmContext<TArch, TModel>.NormalFrame(entry);
        Follow follow = FollowEntry(vma, entry, normal, normal, flags, copied);
        if (follow != Follow.Taken)
            return follow;
        frame = normal != 0 ? normal : mm.Folios.ZeroFrame;
        if (normal != 0 && (flags & GupFlags.Touch) != 0)
            mm.Folios.Lru.MarkAccessed(normal);
        return follow;
    }

    /// <summary>follow_huge_pmd: the folio is exclusive or not as a whole, but it is one of its pages that is taken.</summary>
    private Follow FollowHuge(uint vma, ulong virtualAddress, GupFlags flags, bool copied, out uint frame)
    {
        frame = 0;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(mm.Spaces[mm.Vmas[vma].AddressSpace].Root, virtualAddress);
        if (!guard.IsLeaf)
            return Follow.NeedsFault;
        uint head = guard.Head;
        uint page = head == 0 ? 0 : head + HugePages<TArch, TModel>.PageOf(virtualAddress);
        Follow follow = FollowEntry(vma, guard.Value, head, page, flags, copied);
        if (follow != Follow.Taken)
            return follow;
        frame = page != 0 ? page : mm.Folios.ZeroFrame;
        if ((flags & GupFlags.Touch) != 0)
            guard.Set(Touched(guard.Value)); // touch_pmd: the folio itself is not marked
        return follow;
    }

    private static Pte Touched(Pte leaf) => TArch.MakeYoung(TModel.TakerDirtiesForWriteOnly ? leaf : TArch.MakeDirty(leaf));

    /// <param name="vma">The VMA.</param>
    /// <param name="entry">The present entry, its table locked.</param>
    /// <param name="owner">The frame whose exclusiveness counts; 0 of a zero page.</param>
    /// <param name="page">The frame to take hold of; 0 of a zero page.</param>
    /// <param name="flags">How.</param>
    /// <param name="copied">Whether a write fault was handled before.</param>
    private Follow FollowEntry(uint vma, Pte entry, uint owner, uint page, GupFlags flags, bool copied)
    {
        if ((flags & GupFlags.Write) != 0)
        {
            if (!CanFollowWrite(vma, entry, owner, flags, copied))
                return Follow.NeedsWrite;
        }
        else if (MustUnshare(vma, entry, owner, flags))
        {
            return Follow.NeedsUnshare;
        }

        const GupFlags Holding = GupFlags.Get | GupFlags.Pin;
        if ((flags & Holding) != 0 && page != 0 && !mm.Frames.HasRoomForReferences(page))
            return Follow.Refused; // two million pins: the next ones would make the count wrap, and the frame free
        Take(page, entry, flags);
        return Follow.Taken;
    }

    /// <summary>can_follow_write_pte: a forced write goes through a read-only entry once its page is exclusive.</summary>
    private bool CanFollowWrite(uint vma, Pte entry, uint frame, GupFlags flags, bool copied)
    {
        if (TArch.IsWritable(entry) || (TModel.ForcedWrite == ForcedWrite.NeedsDirty && copied && TArch.IsDirty(entry)))
            return true;
        VmaFlags vmaFlags = mm.Vmas.FlagsOf(vma);
        if ((flags & GupFlags.Force) == 0 || (vmaFlags & (VmaFlags.Shared | VmaFlags.Write)) != 0 || frame == 0)
            return false;
        return mm.Frames.Has(frame, FrameFlags.Anon | FrameFlags.AnonExclusive) && !(TArch.IsUffdWp(entry) && mm.IsWriteProtectWatched(vma))
            && !MmContext<TArch, TModel>.NeedsSoftDirtyFault(vmaFlags, entry);
    }

    /// <summary>gup_must_unshare: a read-only pin of a page that may be shared would part from the page table at the next write.</summary>
    private bool MustUnshare(uint vma, Pte entry, uint frame, GupFlags flags)
    {
        if (!TModel.PinUnshares || (flags & GupFlags.Pin) == 0 || TArch.IsWritable(entry))
            return false;
        if (frame == 0 || !mm.Frames.Has(frame, FrameFlags.Anon))
            return (flags & GupFlags.LongTerm) != 0 && (mm.Vmas.FlagsOf(vma) & VmaFlags.Shared) == 0;
        return !mm.Frames.Has(frame, FrameFlags.AnonExclusive);
    }

    private void Drop(uint frame, GupFlags flags)
    {
        if ((flags & GupFlags.Pin) != 0)
            mm.Folios.PutPin(frame);
        else
            mm.Folios.Put(frame);
    }

    private void Take(uint frame, Pte entry, GupFlags flags)
    {
        if (frame == 0)
            return; // the zero page is not counted
        if ((flags & GupFlags.Pin) != 0)
        {
            mm.Frames.Get(frame);
            mm.Frames.ConvertToPin(frame);
        }
        else if ((flags & GupFlags.Get) != 0)
            mm.Frames.Get(frame);
        if ((flags & GupFlags.Write) != 0 && !TArch.IsDirty(entry))
            mm.Frames.Set(frame, FrameFlags.Dirty); // the holder writes past the entry, which then never shows it
    }
}
