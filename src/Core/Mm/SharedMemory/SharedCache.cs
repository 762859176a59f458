using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// The pages of shared objects (the page cache of shmem): putting folios in, taking them out, sending them to swap, and the end of an object.
/// </summary>
/// <remarks>
/// <para>A folio that is in its object has <see cref="FrameFlags.SharedMemory"/>, names object and page, and is named by the object's index,
/// which counts one reference. All of that changes with the folio locked. So the rule for who finds a folio in the index is the swap
/// cache's: take a reference, lock, look again (<see cref="TryLock"/>).</para>
/// <para>A swap value in the index owns one swap reference of its slot. It was raised before the value could be seen, and whoever exchanges the
/// value for something else owns it then.</para>
/// </remarks>
public sealed class SharedCache<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const FrameFlags FreshFlags = FrameFlags.Uptodate | FrameFlags.SwapBacked;

    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedObjects<TModel> objects;
    private readonly SharedMappings<TArch, TModel> mappings;

    /// <summary>Makes the operations of a machine.</summary>
    public SharedCache(MmContext<TArch, TModel> mm, SharedMappings<TArch, TModel> mappings)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.mappings = mappings;
        objects = mm.Vmas.Objects;
    }

    // ---- life of an object

    /// <summary>Drops a reference of an object; with the last one its pages and slots go, and the object.</summary>
    public void Put(uint number)
    {
        if (number == 0 || !objects.Drop(number))
            return;
        PunchHole(number, 0, ulong.MaxValue);
        objects.Free(number);
    }

    /// <summary>
    /// Makes an object shorter or longer (truncate): pages behind the end are taken from every process and forgotten, and so are private copies
    /// of them; accesses there end in BusError.
    /// </summary>
    public void Truncate(uint number, ulong pages)
    {
        Atomic<TModel>.Store(ref objects[number].Pages, pages);
        Atomic<TModel>.Fence(); // a fault that adds a page looks at the size after that: either it sees the new one, or we see the page
        PunchHole(number, pages, ulong.MaxValue - pages);
        mappings.ZapPrivateCopies(number, pages); // after all pages were locked once: a copy that a fault was about to map is mapped by now
    }

    /// <summary>
    /// Forgets the content of some pages (fallocate punch hole), in every process: they read as zero. Private copies of them stay.
    /// </summary>
    /// <exception cref="CorruptImageException">A record is damaged; no lock that was taken here stays held.</exception>
    public void PunchHole(uint number, ulong first, ulong count)
    {
        ulong end = count > ulong.MaxValue - first ? ulong.MaxValue : first + count;
        try
        {
            for (ulong page = first; page < end && objects.Index.TryNext(number, ref page, out _) && page < end; page++)
                Forget(number, page);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    // ---- folios

    /// <summary>
    /// Adds a fresh zeroed folio where the object has nothing; it comes locked, with a reference for the caller, and is clean. Frame 0 with None:
    /// something is there by now.
    /// </summary>
    internal FaultResult TryAddZeroed(uint number, ulong page, uint group, out uint frame)
    {
        frame = 0;
        if (!objects.Index.TryEnsure(number, page))
            return FaultResult.OutOfMemory;
        uint fresh = mm.TryAllocateIn(group, zeroed: true);
        if (fresh == 0)
            return FaultResult.OutOfMemory;
        mm.Frames.Lock(fresh);
        mm.Frames.Set(fresh, FreshFlags);
        if (TryAdd(number, page, SharedPage.None, fresh))
        {
            mm.Folios.Lru.Add(fresh);
            frame = fresh;
            return FaultResult.None;
        }

        mm.Frames.Unlock(fresh);
        mm.Folios.Put(fresh);
        return FaultResult.None;
    }

    /// <summary>Puts a locked folio in the place of what the caller believes is there; the object takes a reference of its own.</summary>
    internal bool TryAdd(uint number, ulong page, SharedPage expected, uint frame)
    {
        mm.Frames.AssertLocked(frame);
        if (expected.IsSwap)
            mm.Tags.RestoreFromSlot(expected.Entry, frame);
        ref FrameRecord record = ref mm.Frames[frame];
        record.Mapping = number;
        record.Index = page;
        mm.Frames.Set(frame, FrameFlags.SharedMemory);
        mm.Frames.Get(frame);
        if (objects.Index.TryReplace(number, page, expected, SharedPage.Of(frame)))
            return true;
        Disown(frame);
        mm.Folios.Put(frame);
        return false;
    }

    /// <summary>
    /// Locks the folio that the index named, waiting for the lock, and proves that it is still in that place; the caller gets a reference.
    /// </summary>
    internal bool TryLock(uint number, ulong page, uint frame)
    {
        if (!TryGet(number, page, frame))
            return false;
        mm.Frames.Lock(frame);
        if (IsAt(frame, number, page))
            return true;
        mm.Frames.Unlock(frame);
        mm.Folios.Put(frame);
        return false;
    }

    /// <summary>As <see cref="TryLock"/>, but false when anybody holds the folio's lock: for callers that hold a page-table lock.</summary>
    internal bool TryLockAtOnce(uint number, ulong page, uint frame)
    {
        if (!mm.Frames.TryGet(frame))
            return false;
        if (mm.Frames.TryLock(frame))
        {
            if (IsAt(frame, number, page))
                return true;
            mm.Frames.Unlock(frame);
        }

        mm.Folios.Put(frame);
        return false;
    }

    /// <summary>Takes a locked folio from every process and out of its object (truncate_inode_folio); its content is of no use any more.</summary>
    internal void Remove(uint number, ulong page, uint frame)
    {
        mappings.TryUnmap(frame, evenLocked: true);
        mm.Frames.Clear(frame, FrameFlags.Dirty);
        TakeOut(number, page, frame, SharedPage.None);
        mm.Folios.Put(frame);
    }

    /// <summary>
    /// Takes a locked folio whose content is lost from every process and out of its object, which remembers that: accesses end in BusError. The
    /// caller's reference stays the caller's.
    /// </summary>
    public void Lose(uint frame)
    {
        mappings.TryUnmap(frame, evenLocked: true);
        mm.Frames.Clear(frame, FrameFlags.Dirty);
        ref FrameRecord record = ref mm.Frames[frame];
        TakeOut((uint)record.Mapping, record.Index, frame, SharedPage.Lost);
        mm.Folios.Put(frame);
    }

    // ---- reclaim

    /// <summary>
    /// Takes a locked, unmapped folio that was never written out of its object: it reads as zero again. The caller's reference must be the only
    /// one beside the object's; it stays the caller's.
    /// </summary>
    /// <remarks>References first, dirty second, so that a writer that sets dirty and then drops its reference is not missed.</remarks>
    public bool TryDropClean(uint frame)
    {
        if (!mm.Frames.TryFreeze(frame, 2))
            return false;
        if (mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            mm.Frames.Unfreeze(frame, 2);
            return false;
        }

        ref FrameRecord record = ref mm.Frames[frame];
        TakeOut((uint)record.Mapping, record.Index, frame, SharedPage.None);
        mm.Frames.Unfreeze(frame, 1);
        return true;
    }

    /// <summary>
    /// Moves a locked, unmapped, dirty folio from its object into the swap cache (shmem_writeout): slot, swap list, count, and only then the
    /// swap value that others can see. What fails is put back, and nothing has changed. The folio stays dirty; the caller writes it.
    /// </summary>
    /// <returns>False when there is no slot.</returns>
    public bool TryMoveToSwapCache(uint frame)
    {
        if (mm.Swap.TryAllocate(frame, out SwapEntry entry) != SwapResult.Ok)
            return false;
        ref FrameRecord record = ref mm.Frames[frame];
        var number = (uint)record.Mapping;
        objects.AddSwapped(number);
        if (!TModel.SharedCountsBeforePublishing)
            return MoveAndCountLate(frame, number, entry);
        if (mm.Swap.TryDuplicate(entry) != SwapResult.Ok)
        {
            objects.RemoveSwapped(number);
            mm.Swap.TryFreeSlot(frame);
            return false;
        }

        TakeOut(number, record.Index, frame, SharedPage.Of(entry)); // the last use of the object: it may go from now on
        mm.Folios.Put(frame);
        return true;
    }

    // ---- migration

    /// <summary>
    /// Puts another locked folio in the place of a locked one whose references the caller froze, the object's among them: that one is the caller's
    /// from now on, and the replacement has one of its own.
    /// </summary>
    public void ReplaceFrozen(uint frame, uint replacement)
    {
        ref FrameRecord record = ref mm.Frames[frame];
        var number = (uint)record.Mapping;
        ulong page = record.Index;
        mm.Frames[replacement].Mapping = number;
        mm.Frames[replacement].Index = page;
        mm.Frames.Set(replacement, FrameFlags.SharedMemory);
        mm.Frames.Get(replacement);
        TakeOut(number, page, frame, SharedPage.Of(replacement));
    }

    /// <summary>As before 826267cf1e6c: who truncates the object between the two gives back a swap reference that was never taken.</summary>
    private bool MoveAndCountLate(uint frame, uint number, SwapEntry entry)
    {
        TakeOut(number, mm.Frames[frame].Index, frame, SharedPage.Of(entry));
        mm.Folios.Put(frame);
        mm.Swap.TryDuplicate(entry);
        return true;
    }

    private void TakeOut(uint number, ulong page, uint frame, SharedPage replacement)
    {
        mm.Frames.AssertLocked(frame);
        Disown(frame);
        if (!objects.Index.TryReplace(number, page, SharedPage.Of(frame), replacement))
            throw new CorruptImageException($"Frame {frame}: Index", $"page {page} of shared object {number} is not in it");
    }

    /// <summary>Before the index lets go of a folio, so that who finds it elsewhere does not take it for the object's.</summary>
    private void Disown(uint frame)
    {
        ref FrameRecord record = ref mm.Frames[frame];
        mm.Frames.Clear(frame, FrameFlags.SharedMemory);
        record.Mapping = 0;
        record.Index = 0;
    }

    /// <summary>A reference alone: the index is looked at again, so that the frame is not somebody else's by now.</summary>
    private bool TryGet(uint number, ulong page, uint frame)
    {
        if (!mm.Frames.TryGet(frame))
        {
            TModel.WaitUntil(ref mm.Frames[frame].Lock, ulong.MaxValue, 0); // reclaim froze it under its lock: it comes back or goes
            return false;
        }

        if (objects.Index.Load(number, page) == SharedPage.Of(frame))
            return true;
        mm.Folios.Put(frame);
        return false;
    }

    private bool IsAt(uint frame, uint number, ulong page) =>
        mm.Frames.Has(frame, FrameFlags.SharedMemory) && mm.Frames[frame].Mapping == number && mm.Frames[frame].Index == page;

    /// <summary>Until the page is nowhere: it may come back from swap or go there while we look.</summary>
    private void Forget(uint number, ulong page)
    {
        while (true)
        {
            SharedPage place = objects.Index.Load(number, page);
            if (place.IsNone)
                return;
            if (!place.IsFrame)
            {
                if (!objects.Index.TryReplace(number, page, place, SharedPage.None))
                    continue;
                if (place.IsSwap)
                {
                    objects.RemoveSwapped(number);
                    mm.Swap.PutAndReclaim(place.Entry);
                }

                return;
            }

            if (!TryLock(number, page, place.Frame))
                continue;
            Remove(number, page, place.Frame);
            mm.Frames.Unlock(place.Frame);
            mm.Folios.Put(place.Frame);
            return;
        }
    }
}
