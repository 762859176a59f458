using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Huge;
using PageTableEmu.Swap;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Reclaim of anonymous and shared folios (mm/vmscan.c shrink_folio_list): give it a slot, take it out of all page tables, write it if it is
/// dirty, free it.
/// </summary>
/// <remarks>
/// Whoever hands a folio in holds one reference to it (where the kernel isolates it from the LRU), so an undisturbed unmapped folio has that
/// one and the swap cache's. Folio lock → anon_vma root lock → table lock inside.
/// </remarks>
public sealed class Reclaimer<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Unmapper<TArch, TModel> unmapper;
    private readonly HugeReclaimer<TArch, TModel> huge;

    /// <summary>Makes the operation of a machine.</summary>
    public Reclaimer(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        unmapper = new Unmapper<TArch, TModel>(mm);
        huge = new HugeReclaimer<TArch, TModel>(mm, this, unmapper);
    }

    /// <summary>Pages that reached a device.</summary>
    private ulong Stored => unchecked(mm.Swap.PagesWritten - mm.Swap.WriteErrors);

    /// <summary>
    /// Looks at every folio once, oldest first, and stops when enough were freed.
    /// </summary>
    /// <param name="target">Folios to free.</param>
    /// <returns>Folios freed.</returns>
    public long Scan(long target = long.MaxValue)
    {
        long freed = 0;
        uint frame = mm.Folios.NextOnLru(0);
        while (frame != 0 && freed < target)
        {
            uint next = mm.Folios.NextOnLru(frame); // before the frame may leave the list
            if (!mm.Frames.Has(frame, FrameFlags.Unevictable) && Shrink(frame, ignoreReferences: false) == ShrinkResult.Freed)
                freed++;
            mm.Folios.Put(frame);
            frame = next;
        }

        if (frame != 0)
            mm.Folios.Put(frame);
        return freed;
    }

    /// <summary>
    /// Writes out and frees everything that can be (memory.force_empty): passes over all folios, completing the writes of each, until two
    /// passes in a row neither freed nor wrote anything. One is not enough: a pass may only have found that a lazily freed page was
    /// written again, and the next one swaps it out. A write that failed is no progress, or a broken device would keep this going for ever.
    /// </summary>
    public void ReclaimAll()
    {
        for (int idle = 0; idle < 2; idle++)
        {
            ulong before = Stored;
            long freed = Scan();
            mm.Swap.CompleteWrites();
            if (freed != 0 || Stored != before)
                idle = -1;
        }
    }

    /// <summary>Reclaims some frames for an allocation that found none; whether any came free.</summary>
    public bool ReclaimSome()
    {
        const int Batch = 32;
        long freed = Scan(Batch);
        int written = mm.Swap.CompleteWrites();
        return freed != 0 || (written != 0 && Scan(Batch) != 0);
    }

    /// <summary>Reclaims one folio to which the caller holds a reference; the caller's reference stays the caller's.</summary>
    /// <param name="frame">The folio.</param>
    /// <param name="ignoreReferences">MADV_PAGEOUT: reclaim it however recently it was used.</param>
    public ShrinkResult Shrink(uint frame, bool ignoreReferences)
    {
        if (mm.Frames.IsLarge(frame))
            return huge.Shrink(frame, ignoreReferences);
        if (!mm.Frames.TryLock(frame))
            return ShrinkResult.Kept;
        ShrinkResult result = ShrinkLocked(frame, ignoreReferences, out bool unlocked);
        if (unlocked)
            return result;
        if (result == ShrinkResult.Activated && mm.Frames.Has(frame, FrameFlags.SwapCache)
            && (mm.Swap.IsHalfFull || mm.Frames.Has(frame, FrameFlags.Mlocked)))
            mm.Swap.TryFreeSlot(frame);
        mm.Frames.Unlock(frame);
        return result;
    }

    private ShrinkResult ShrinkLocked(uint frame, bool ignoreReferences, out bool unlocked)
    {
        unlocked = false;
        if (mm.Frames.Has(frame, FrameFlags.Writeback) || mm.Frames.Has(frame, FrameFlags.HwPoison))
            return ShrinkResult.Kept;
        if (mm.Frames.Has(frame, FrameFlags.Mlocked))
            return ShrinkResult.Activated;
        if (mm.Frames.Has(frame, FrameFlags.SharedMemory) && !ignoreReferences && !mm.Swap.HasActiveArea)
            return ShrinkResult.Activated; // without swap nobody scans for memory that only swap can back
        bool mapped = mm.Frames.Mappings(frame) != 0;
        if (mapped && !ignoreReferences && unmapper.IsMappedLocked(frame))
            return ShrinkResult.Activated;
        if (NeedsSlot(frame))
        {
            if (mm.Frames.MaybePinned(frame))
                return ShrinkResult.Kept; // it could not be unmapped anyway: take no slot
            if (mm.Swap.TryAllocate(frame, out _) != SwapResult.Ok)
                return ShrinkResult.Activated;
            if (TModel.NewSlotMakesDirty)
                mm.Frames.Set(frame, FrameFlags.Dirty); // the slot has nothing yet, whatever the entries say (9625456cc763)
        }

        if (mapped && !unmapper.TryUnmap(frame))
            return ShrinkResult.Activated; // a slot it has stays its own
        if (mm.Frames.MaybePinned(frame))
            return ShrinkResult.Activated;
        if (mm.Frames.Has(frame, FrameFlags.SharedMemory))
            return WriteShared(frame, out unlocked);
        return mm.Frames.Has(frame, FrameFlags.SwapCache) ? WriteAndFree(frame, out unlocked) : FreeLazily(frame);
    }

    /// <summary>
    /// An unmapped page of a shared object: dropped if it was never written, because it reads as zero then; else it moves to the swap cache
    /// and is written from there.
    /// </summary>
    private ShrinkResult WriteShared(uint frame, out bool unlocked)
    {
        unlocked = false;
        if (!mm.Frames.Has(frame, FrameFlags.Dirty))
            return mm.SharedCache.TryDropClean(frame) ? ShrinkResult.Freed : ShrinkResult.Kept;
        if (mm.Frames.References(frame) != 2)
            return ShrinkResult.Kept; // somebody still uses the data beside the object and us
        return mm.SharedCache.TryMoveToSwapCache(frame) ? WriteAndFree(frame, out unlocked) : ShrinkResult.Activated;
    }

    private bool NeedsSlot(uint frame) =>
        (mm.Frames.Flags(frame) & (FrameFlags.Anon | FrameFlags.SwapBacked | FrameFlags.SwapCache))
            == (FrameFlags.Anon | FrameFlags.SwapBacked);

    /// <summary>
    /// An unmapped, lazily freed folio. Freezing the one reference proves that nobody else has one; nobody can get one through a page table.
    /// Whether the folio is dirty now does not matter: its last writer is gone, and so are all entries that showed it.
    /// </summary>
    private ShrinkResult FreeLazily(uint frame)
    {
        const FrameFlags Kind = FrameFlags.Anon | FrameFlags.SwapBacked;
        if ((mm.Frames.Flags(frame) & Kind) != FrameFlags.Anon || !mm.Frames.TryFreeze(frame, 1))
            return ShrinkResult.Kept;
        if (TModel.ChecksDirtyAfterFreeze && mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            mm.Frames.Unfreeze(frame, 1);
            return ShrinkResult.Kept;
        }

        return Release(frame);
    }

    private ShrinkResult WriteAndFree(uint frame, out bool unlocked)
    {
        unlocked = false;
        if (mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            if (mm.Frames.References(frame) != 2)
                return ShrinkResult.Kept; // somebody still uses the data: no write while it may change
            mm.Frames.Clear(frame, FrameFlags.Dirty);
            switch (mm.Swap.Write(frame))
            {
                case SwapWrite.SlotFreed:
                    return ShrinkResult.Freed; // nobody names the slot any more: nothing to keep
                case SwapWrite.UnderWay:
                    unlocked = true;
                    return ShrinkResult.Kept;
                case SwapWrite.Failed:
                    return ShrinkResult.Activated;
                case SwapWrite.Done:
                default:
                    break;
            }
        }

        return RemoveMapping(frame);
    }

    /// <summary>
    /// Takes a clean folio out of the swap cache (__remove_mapping): references first, dirty second, so that a writer that sets dirty and then
    /// drops its reference is not missed.
    /// </summary>
    private ShrinkResult RemoveMapping(uint frame)
    {
        if (!mm.Frames.TryFreeze(frame, 2))
            return ShrinkResult.Kept;
        if (mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            mm.Frames.Unfreeze(frame, 2);
            return ShrinkResult.Kept;
        }

        mm.Swap.RemoveFrozenFromCache(frame);
        return Release(frame);
    }

    /// <summary>
    /// Leaves a frozen folio to the caller, who drops the last reference. It is no anonymous page any more, so that another scanner that finds it
    /// on the list until then does not give it a slot.
    /// </summary>
    private ShrinkResult Release(uint frame)
    {
        mm.Frames.Clear(frame, FrameFlags.Anon);
        mm.Frames.Unfreeze(frame, 1);
        return ShrinkResult.Freed;
    }
}
