using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Reclaim.Huge;

/// <summary>
/// Reclaim of large folios (the parts of mm/vmscan.c shrink_folio_list about them): swapped out as a whole where a swap area takes them, else
/// split and reclaimed page by page.
/// </summary>
/// <remarks>The protocol is that of <see cref="Reclaimer{TArch, TModel}"/>. The swap cache has one reference for each page of the folio.</remarks>
internal sealed class HugeReclaimer<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Reclaimer<TArch, TModel> singles;
    private readonly HugeUnmapper<TArch, TModel> unmapper;
    private readonly FolioSplitter<TArch, TModel> splitter;

    internal HugeReclaimer(MmContext<TArch, TModel> mm, Reclaimer<TArch, TModel> singles, Unmapper<TArch, TModel> unmapper)
    {
        this.mm = mm;
        this.singles = singles;
        this.unmapper = new HugeUnmapper<TArch, TModel>(mm, unmapper);
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    /// <summary>Reclaims one isolated large folio to which the caller holds a reference; returns the pages freed.</summary>
    internal long Shrink(uint head, ScanControl control)
    {
        uint pageCount = mm.Frames.PagesOf(head);
        if (!mm.Frames.TryLock(head))
        {
            mm.Folios.Lru.PutBack(head);
            return 0;
        }

        ShrinkResult result = ShrinkLocked(head, control, out bool mustSplit);
        if (mustSplit)
            return SplitAndShrink(head, control);
        singles.Finish(head, result);
        return result == ShrinkResult.Freed ? pageCount : 0;
    }

    private ShrinkResult ShrinkLocked(uint head, ScanControl control, out bool mustSplit)
    {
        mustSplit = false;
        if (mm.Frames.Has(head, FrameFlags.Mlocked))
            return ShrinkResult.Activated;
        bool mapped = mm.Frames.FolioMappings(head) != 0;
        if (!control.IgnoreReferences && singles.IsInUse(head, out ShrinkResult inUse))
            return inUse;
        const FrameFlags Kind = FrameFlags.Anon | FrameFlags.SwapBacked;
        if ((mm.Frames.Flags(head) & (Kind | FrameFlags.SwapCache)) == Kind)
        {
            if (mm.Frames.MaybePinned(head))
                return ShrinkResult.Kept;
            if (!mm.Swap.HasActiveArea || mm.Frames.References(head) != mm.Frames.FolioMappings(head) + 1)
                return ShrinkResult.Activated; // nowhere to go, or not to be split if that should be needed
            mustSplit = mm.Frames.Has(head, FrameFlags.PartiallyMapped) || mm.Swap.TryAllocateLarge(head) != SwapResult.Ok;
            if (mustSplit)
                return ShrinkResult.Kept;
            mm.Frames.Set(head, FrameFlags.Dirty); // the slots have nothing yet
        }

        if (mapped && !unmapper.TryUnmap(head))
            return ShrinkResult.Activated;
        if (mm.Frames.MaybePinned(head))
            return ShrinkResult.Activated;
        return mm.Frames.Has(head, FrameFlags.SwapCache) ? WriteAndFree(head, control.Scope) : FreeLazily(head);
    }

    private long SplitAndShrink(uint head, ScanControl control)
    {
        uint pages = mm.Frames.PagesOf(head);
        if (!splitter.TrySplit(head, keepAll: true))
        {
            singles.Finish(head, ShrinkResult.Activated);
            return 0;
        }

        mm.Frames.Unlock(head);
        long freed = singles.ShrinkIsolated(head, control);

        // The last page first, and those that became zero pages too: they take a slot and give it back at once, which moves on where the next search
        // for slots begins.
        for (uint frame = head + pages - 1; frame != head; frame--)
        {
            freed += singles.ShrinkIsolated(frame, control);
            mm.Folios.Put(frame);
        }

        return freed;
    }

    private ShrinkResult FreeLazily(uint head)
    {
        const FrameFlags Kind = FrameFlags.Anon | FrameFlags.SwapBacked;
        if ((mm.Frames.Flags(head) & Kind) != FrameFlags.Anon || !mm.Frames.TryFreeze(head, 1))
            return ShrinkResult.Kept;
        return Release(head);
    }

    private ShrinkResult WriteAndFree(uint head, uint scope)
    {
        if (mm.Frames.Has(head, FrameFlags.Dirty))
        {
            if (mm.Frames.References(head) != mm.Frames.PagesOf(head) + 1)
                return ShrinkResult.Kept; // somebody still uses the data
            switch (mm.Swap.WriteLarge(head))
            {
                case SwapWrite.SlotFreed:
                    return ShrinkResult.Freed;
                case SwapWrite.Failed:
                    return ShrinkResult.Activated;
                default:
                    break;
            }
        }

        if (!mm.Frames.TryFreeze(head, mm.Frames.PagesOf(head) + 1))
            return ShrinkResult.Kept;
        if (mm.Frames.Has(head, FrameFlags.Dirty))
        {
            mm.Frames.Unfreeze(head, mm.Frames.PagesOf(head) + 1);
            return ShrinkResult.Kept;
        }

        mm.Swap.RemoveFrozenLargeFromCache(head, mm.Swap.WorkingSet.Evict(head, scope));
        return Release(head);
    }

    /// <summary>Leaves a frozen folio to the caller, who drops the last reference; a scanner that finds it until then gives it no slot.</summary>
    private ShrinkResult Release(uint head)
    {
        mm.Frames.Clear(head, FrameFlags.Anon);
        mm.Frames.Unfreeze(head, 1);
        return ShrinkResult.Freed;
    }
}
