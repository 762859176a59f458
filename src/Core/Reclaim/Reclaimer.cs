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
/// Whoever hands a folio in took it off its LRU list and holds one reference to it, so an undisturbed unmapped folio has that one and the swap
/// cache's. Folio lock → anon_vma root lock → table lock inside.
/// </remarks>
/// <seealso cref="LruScanner{TArch, TModel}"/>
public sealed class Reclaimer<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Unmapper<TArch, TModel> unmapper;
    private readonly HugeReclaimer<TArch, TModel> huge;
    private readonly References<TArch, TModel> references;

    /// <summary>Makes the operation of a machine.</summary>
    public Reclaimer(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        unmapper = new Unmapper<TArch, TModel>(mm);
        huge = new HugeReclaimer<TArch, TModel>(mm, this, unmapper);
        references = new References<TArch, TModel>(mm);
    }

    /// <summary>
    /// Reclaims one folio that the caller took off its list and holds a reference to; what is not freed goes back on a list, and the caller's
    /// reference stays the caller's.
    /// </summary>
    /// <param name="frame">The folio.</param>
    /// <param name="control">On whose behalf.</param>
    /// <returns>Pages freed.</returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    internal long ShrinkIsolated(uint frame, ScanControl control)
    {
        if (control.WaitForWrite && mm.Frames.Has(frame, FrameFlags.Writeback))
            mm.Swap.CompleteWrites();
        try
        {
            return mm.Frames.IsLarge(frame) ? huge.Shrink(frame, control) : ShrinkPage(frame, control);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private long ShrinkPage(uint frame, ScanControl control)
    {
        if (!mm.Frames.TryLock(frame))
        {
            mm.Folios.Lru.PutBack(frame);
            return 0;
        }

        ShrinkResult result = ShrinkLocked(frame, control, out bool unlocked);
        if (unlocked)
            mm.Folios.Lru.PutBack(frame);
        else
            Finish(frame, result);
        return result == ShrinkResult.Freed ? 1 : 0;
    }

    /// <summary>The end of a folio's turn: unlocked, and back on a list if it was not freed.</summary>
    internal void Finish(uint frame, ShrinkResult result)
    {
        bool mlocked = mm.Frames.Has(frame, FrameFlags.Mlocked);
        if (result == ShrinkResult.Activated)
        {
            if (mm.Frames.Has(frame, FrameFlags.SwapCache) && (mm.Swap.IsHalfFull || mlocked))
                mm.Swap.TryFreeSlot(frame);
            if (!mlocked)
                mm.Frames.Set(frame, FrameFlags.Active);
        }

        mm.Frames.Unlock(frame);
        if (result != ShrinkResult.Freed)
            mm.Folios.Lru.PutBack(frame);
    }

    /// <summary>
    /// folio_check_references: a folio used twice since it was last looked at becomes active, one used once stays for another round.
    /// </summary>
    internal bool IsInUse(uint frame, out ShrinkResult result)
    {
        int uses = references.Take(frame, out bool locked);
        result = ShrinkResult.Activated;
        if (locked)
            return true;
        bool marked = (mm.Frames.Clear(frame, FrameFlags.Referenced) & FrameFlags.Referenced) != 0;
        if (uses == 0)
            return false;
        mm.Frames.Set(frame, FrameFlags.Referenced);
        if (!marked && uses == 1)
            result = ShrinkResult.Kept;
        return true;
    }

    /// <summary>For a folio that becomes inactive: what it was used for until now does not count (shrink_active_list).</summary>
    internal void ForgetUses(uint frame)
    {
        if (!mm.Frames.TryLock(frame))
            return;
        references.Take(frame, out _);
        mm.Frames.Unlock(frame);
    }

    private ShrinkResult ShrinkLocked(uint frame, ScanControl control, out bool unlocked)
    {
        unlocked = false;
        if (mm.Frames.Has(frame, FrameFlags.Writeback) || mm.Frames.Has(frame, FrameFlags.HwPoison))
            return ShrinkResult.Kept;
        if (mm.Frames.Has(frame, FrameFlags.Mlocked))
            return ShrinkResult.Activated;
        if (!control.IgnoreReferences && IsInUse(frame, out ShrinkResult inUse))
            return inUse;
        bool mapped = mm.Frames.Mappings(frame) != 0;
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
            return WriteShared(frame, control.Scope, out unlocked);
        return mm.Frames.Has(frame, FrameFlags.SwapCache) ? WriteAndFree(frame, control.Scope, out unlocked) : FreeLazily(frame);
    }

    /// <summary>
    /// An unmapped page of a shared object: dropped if it was never written, because it reads as zero then; else it moves to the swap cache
    /// and is written from there.
    /// </summary>
    private ShrinkResult WriteShared(uint frame, uint scope, out bool unlocked)
    {
        unlocked = false;
        if (!mm.Frames.Has(frame, FrameFlags.Dirty))
            return mm.SharedCache.TryDropClean(frame) ? ShrinkResult.Freed : ShrinkResult.Kept;
        if (mm.Frames.References(frame) != 2)
            return ShrinkResult.Kept; // somebody still uses the data beside the object and us
        return mm.SharedCache.TryMoveToSwapCache(frame) ? WriteAndFree(frame, scope, out unlocked) : ShrinkResult.Activated;
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

    private ShrinkResult WriteAndFree(uint frame, uint scope, out bool unlocked)
    {
        unlocked = false;
        if (mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            if (mm.Frames.References(frame) != 2)
                return ShrinkResult.Kept; // somebody still uses the data: no write while it may change
            mm.Frames.Clear(frame, FrameFlags.Dirty);
            mm.Frames.Set(frame, FrameFlags.Reclaim);
            switch (mm.Swap.Write(frame))
            {
                case SwapWrite.SlotFreed:
                    return ShrinkResult.Freed; // nobody names the slot any more: nothing to keep
                case SwapWrite.UnderWay:
                    unlocked = true;
                    return ShrinkResult.Kept;
                case SwapWrite.Failed:
                    mm.Frames.Clear(frame, FrameFlags.Reclaim);
                    return ShrinkResult.Activated;
                case SwapWrite.Done:
                default:
                    mm.Frames.Clear(frame, FrameFlags.Reclaim);
                    break;
            }
        }

        return RemoveMapping(frame, scope);
    }

    /// <summary>
    /// Takes a clean folio out of the swap cache (__remove_mapping): references first, dirty second, so that a writer that sets dirty and then
    /// drops its reference is not missed.
    /// </summary>
    private ShrinkResult RemoveMapping(uint frame, uint scope)
    {
        if (!mm.Frames.TryFreeze(frame, 2))
            return ShrinkResult.Kept;
        if (mm.Frames.Has(frame, FrameFlags.Dirty))
        {
            mm.Frames.Unfreeze(frame, 2);
            return ShrinkResult.Kept;
        }

        mm.Swap.RemoveFrozenFromCache(frame, mm.Swap.WorkingSet.Evict(frame, scope));
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
