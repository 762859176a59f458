using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>mremap(2): moving, growing and shrinking mappings.</summary>
/// <remarks>Takes the mmap_lock for writing. Addresses and lengths are multiples of the page size.</remarks>
public sealed class Mremap<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Mmap<TArch, TModel> mmap;
    private readonly EntryMover<TArch, TModel> mover;
    private readonly KsmPages<TArch, TModel> merged;

    /// <summary>Makes the operation of a machine.</summary>
    public Mremap(MmContext<TArch, TModel> mm, Mmap<TArch, TModel> mmap, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.mmap = mmap;
        mover = new EntryMover<TArch, TModel>(mm);
        merged = new KsmPages<TArch, TModel>(mm, faults);
    }

    /// <summary>
    /// Moves [oldStart, oldStart + length) to newStart, replacing what is there (MREMAP_FIXED). Several VMAs move together and keep the gaps
    /// between them.
    /// </summary>
    /// <param name="space">The address space.</param>
    /// <param name="oldStart">Where the range is.</param>
    /// <param name="newStart">Where it goes; the two ranges must not overlap.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="dontUnmap">MREMAP_DONTUNMAP: the old range stays mapped, empty.</param>
    /// <param name="counters">Whose faults to count: merged pages get frames of their own before they move.</param>
    /// <returns>Ok; Fault when nothing is mapped at the start of the range; Invalid; NoMemory.</returns>
    public MmResult Move(uint space, ulong oldStart, ulong newStart, ulong length, bool dontUnmap, ref FaultCounters counters)
    {
        if (!Mmap<TArch, TModel>.IsRange(oldStart, length) || !Mmap<TArch, TModel>.IsRange(newStart, length))
            return MmResult.Invalid;
        if (oldStart < newStart + length && newStart < oldStart + length)
            return MmResult.Invalid;
        try
        {
            using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
            return MoveLocked(space, oldStart, newStart, length, dontUnmap, ref counters);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    /// <summary>
    /// Changes the length of a mapping inside one VMA. Growing extends it in place if nothing is behind it, else moves it (MREMAP_MAYMOVE).
    /// </summary>
    /// <param name="space">The address space.</param>
    /// <param name="start">Where the mapping is.</param>
    /// <param name="oldLength">Its length.</param>
    /// <param name="newLength">The length it gets.</param>
    /// <param name="mayMove">Whether it may move.</param>
    /// <param name="newStart">Where it is afterwards.</param>
    /// <param name="counters">Whose faults to count: merged pages get frames of their own before they move.</param>
    /// <returns>Ok; Fault when the range is not in one VMA; NoMemory when it cannot grow; Invalid.</returns>
    public MmResult Resize(
        uint space, ulong start, ulong oldLength, ulong newLength, bool mayMove, out ulong newStart, ref FaultCounters counters)
    {
        newStart = start;
        if (!Mmap<TArch, TModel>.IsRange(start, oldLength) || !Mmap<TArch, TModel>.IsRange(start, newLength))
            return MmResult.Invalid;
        try
        {
            return ResizeRange(space, start, oldLength, newLength, mayMove, out newStart, ref counters);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult ResizeRange(
        uint space, ulong start, ulong oldLength, ulong newLength, bool mayMove, out ulong newStart, ref FaultCounters counters)
    {
        newStart = start;
        MmResult result;
        bool locked;
        using (mm.Spaces.HoldWrite(space))
        {
            result = newLength <= oldLength
                ? Shrink(space, start, oldLength, newLength)
                : Grow(space, start, oldLength, newLength, mayMove, out newStart, ref counters);
            locked = result == MmResult.Ok && MustPopulate(mm.Vmas.Find(space, newStart));
        }

        if (locked && newLength > oldLength)
            mmap.Mlock.Populate(space, newStart + oldLength, newStart + newLength, ref counters);
        return result;
    }

    /// <summary>
    /// Moves [oldStart, oldStart + oldLength) to newStart and gives it another length (MREMAP_MAYMOVE | MREMAP_FIXED). Of a range that gets shorter
    /// the end goes first; one that gets longer must lie in one VMA.
    /// </summary>
    /// <param name="space">The address space.</param>
    /// <param name="oldStart">Where the range is.</param>
    /// <param name="oldLength">Its length.</param>
    /// <param name="newStart">Where it goes; what is there is replaced. The old range must not overlap the new one.</param>
    /// <param name="newLength">The length it gets.</param>
    /// <param name="counters">Whose faults to count: merged pages get frames of their own before they move.</param>
    /// <returns>Ok; Fault when nothing is mapped at the start of the range, or not enough; Invalid; NoMemory.</returns>
    public MmResult MoveAndResize(
        uint space, ulong oldStart, ulong oldLength, ulong newStart, ulong newLength, ref FaultCounters counters)
    {
        if (!Mmap<TArch, TModel>.IsRange(oldStart, oldLength) || !Mmap<TArch, TModel>.IsRange(newStart, newLength))
            return MmResult.Invalid;
        if (oldStart < newStart + newLength && newStart < oldStart + oldLength)
            return MmResult.Invalid;
        try
        {
            return MoveAndResizeRange(space, oldStart, oldLength, newStart, newLength, ref counters);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult MoveAndResizeRange(
        uint space, ulong oldStart, ulong oldLength, ulong newStart, ulong newLength, ref FaultCounters counters)
    {
        MmResult result;
        bool locked = false;
        using (mm.Spaces.HoldWrite(space))
        {
            ulong kept = Math.Min(oldLength, newLength);
            result = newLength < oldLength ? Shrink(space, oldStart, oldLength, newLength) : MmResult.Ok;
            if (result == MmResult.Ok && newLength > oldLength)
                result = PrepareToGrow(space, oldStart, oldLength, newStart, newLength);
            if (result == MmResult.Ok)
                result = MoveLocked(space, oldStart, newStart, kept, dontUnmap: false, ref counters);
            if (result == MmResult.Ok && newLength > oldLength)
            {
                uint moved = mm.Vmas.Find(space, newStart);
                locked = MustPopulate(moved);
                result = TryGrowInPlace(space, moved, newLength - oldLength) ? MmResult.Ok : MmResult.NoMemory;
            }
        }

        if (locked && result == MmResult.Ok)
            mmap.Mlock.Populate(space, newStart + oldLength, newStart + newLength, ref counters);
        return result;
    }

    private bool MustPopulate(uint vma) =>
        vma != 0 && (mm.Vmas.FlagsOf(vma) & (VmaFlags.Locked | VmaFlags.LockOnFault)) == VmaFlags.Locked;

    /// <summary>What stops a growing range before anything was changed; then all that lies at the new place goes.</summary>
    private MmResult PrepareToGrow(uint space, ulong start, ulong oldLength, ulong newStart, ulong newLength)
    {
        uint vma = mm.Vmas.Find(space, start);
        if (vma == 0 || mm.Vmas[vma].End < start + oldLength || (mm.Vmas.FlagsOf(vma) & VmaFlags.DontExpand) != 0)
            return MmResult.Fault;
        return mmap.UnmapLocked(space, newStart, newStart + newLength);
    }

    private MmResult Shrink(uint space, ulong start, ulong oldLength, ulong newLength)
    {
        if (mm.Vmas.Find(space, start) == 0)
            return MmResult.Fault;
        return newLength == oldLength ? MmResult.Ok : mmap.UnmapLocked(space, start + newLength, start + oldLength);
    }

    private MmResult Grow(
        uint space, ulong start, ulong oldLength, ulong newLength, bool mayMove, out ulong newStart, ref FaultCounters counters)
    {
        newStart = start;
        uint vma = mm.Vmas.Find(space, start);
        if (vma == 0 || mm.Vmas[vma].End < start + oldLength || (mm.Vmas.FlagsOf(vma) & VmaFlags.DontExpand) != 0)
            return MmResult.Fault;
        if (mm.Vmas[vma].End == start + oldLength && TryGrowInPlace(space, vma, newLength - oldLength))
            return MmResult.Ok;
        if (!mayMove || !mmap.TryFindGap(space, newLength, out ulong gap))
            return MmResult.NoMemory;
        MmResult result = MoveVma(space, start, gap, oldLength, dontUnmap: false, ref counters);
        if (result != MmResult.Ok)
            return result;
        newStart = gap;
        uint moved = mm.Vmas.Find(space, gap);
        return TryGrowInPlace(space, moved, newLength - oldLength) ? MmResult.Ok : MmResult.NoMemory;
    }

    private bool TryGrowInPlace(uint space, uint vma, ulong bytes)
    {
        ulong end = mm.Vmas[vma].End;
        if (end + bytes > TArch.UserSpaceEnd || mm.Vmas.Overlaps(space, end, end + bytes))
            return false;
        return mm.Vmas.TryGrow(vma, end + bytes);
    }

    private MmResult MoveLocked(uint space, ulong oldStart, ulong newStart, ulong length, bool dontUnmap, ref FaultCounters counters)
    {
        ulong end = oldStart + length;
        uint first = mm.Vmas.FindFirstEndingAbove(space, oldStart);
        if (first == 0 || mm.Vmas[first].Start > oldStart)
            return MmResult.Fault;
        bool seen = false;
        for (ulong position = oldStart; position < end;)
        {
            uint vma = mm.Vmas.FindFirstEndingAbove(space, position);
            if (vma == 0 || mm.Vmas[vma].Start >= end)
                break;
            ulong from = Math.Max(position, mm.Vmas[vma].Start);
            ulong stop = Math.Min(mm.Vmas[vma].End, end);
            bool registered = mm.Vmas[vma].Uffd != 0;
            if (registered && (seen || mm.Vmas[vma].End < end))
                return MmResult.Fault; // a VMA that userfaultfd watches moves alone
            MmResult result = MoveVma(space, from, newStart + (from - oldStart), stop - from, dontUnmap, ref counters);
            if (result != MmResult.Ok)
                return result;
            seen = true;
            position = stop;
        }

        return MmResult.Ok;
    }

    /// <summary>Moves a range inside one VMA (move_vma): a VMA at the new place, then the entries, then the old range goes.</summary>
    private MmResult MoveVma(uint space, ulong oldStart, ulong newStart, ulong length, bool dontUnmap, ref FaultCounters counters)
    {
        MmResult cleared = mmap.UnmapLocked(space, newStart, newStart + length);
        if (cleared != MmResult.Ok)
            return cleared;
        uint vma = mm.Vmas.Find(space, oldStart);
        if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Mergeable) != 0 && mm.Vmas.AnonVmaOf(vma) != 0
            && merged.Unmerge(vma, oldStart, oldStart + length, ref counters) != MmResult.Ok)
            return MmResult.NoMemory; // a merged page is found by address, and that is about to change
        bool untouched = mm.Vmas.AnonVmaOf(vma) == 0 && mm.Vmas[vma].SharedObject == 0;
        ulong offset = untouched ? newStart >> TArch.PageShift : mm.Vmas.LinearIndex(vma, oldStart);
        bool dropUffd = mm.Vmas[vma].Uffd != 0; // asked now: the registration is gone once the VMA became one with the new one
        uint target = mm.Vmas.TryCopyForMove(vma, oldStart, length, newStart, offset);
        if (target == 0)
            return MmResult.NoMemory;
        vma = mm.Vmas.Find(space, oldStart); // it may have become one with the new VMA and a neighbour
        ulong moved = MoveEntries(vma, oldStart, newStart, length, dropUffd);
        if (moved < length)
        {
            // Out of tables in the middle: what was moved goes back (its old tables are still there), and the new VMA goes.
            mover.Move(vma, newStart, oldStart, moved, dropUffd: false);
            mmap.UnmapLocked(space, newStart, newStart + length);
            return MmResult.NoMemory;
        }

        if (dontUnmap)
            return KeepOldVma(vma, target, oldStart, length);

        // The pages are at the new place, so the move is done. Without a record to cut the old VMA that stays, empty (unmap_source_vma).
        mmap.UnmapLocked(space, oldStart, oldStart + length);
        return MmResult.Ok;
    }

    /// <summary>Moves entries as far as there are tables for them; missing frames are reclaimed under the mmap_lock, as in the kernel.</summary>
    private ulong MoveEntries(uint vma, ulong oldStart, ulong newStart, ulong length, bool dropUffd)
    {
        ulong moved = 0;
        for (int pressure = 0; ; pressure++)
        {
            ulong now = mover.Move(vma, oldStart + moved, newStart + moved, length - moved, dropUffd);
            moved += now;
            if (now != 0)
                pressure = 0;
            if (moved == length || pressure == MmContext<TArch, TModel>.PressureTries || !mm.TryFindFrames())
                return moved;
        }
    }

    /// <summary>MREMAP_DONTUNMAP: the old VMA stays but is not locked any more; moved as a whole it has no anonymous page left.</summary>
    private MmResult KeepOldVma(uint vma, uint target, ulong oldStart, ulong length)
    {
        mm.Vmas.SetFlags(vma, mm.Vmas.FlagsOf(vma) & ~Vmas<TModel>.LockFlags);
        if (vma != target && mm.Vmas[vma].Start == oldStart && mm.Vmas[vma].End == oldStart + length)
            mm.Vmas.DropAnonVma(vma);
        return MmResult.Ok;
    }
}
