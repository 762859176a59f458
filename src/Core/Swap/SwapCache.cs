using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>The swap cache: which folio is bound to which slot.</summary>
/// <remarks>
/// <para>A binding is the slot's word (cached, frame) and, in the frame's record, <see cref="FrameRecord.Swap"/>, the flag
/// <see cref="FrameFlags.SwapCache"/> and one reference. All of it changes with the folio locked only.</para>
/// <para><b>Protocol after a lookup.</b> What <see cref="Lookup"/> returns is only a reference: the folio may have left the cache, or have
/// come back into it under another slot, before the call returned. Whoever wants to rely on it does all of this, in this order:</para>
/// <list type="number">
/// <item>keep the area pinned (or otherwise stable) during the lookup;</item>
/// <item>look up;</item>
/// <item>lock the folio, or try to and give up;</item>
/// <item>ask <see cref="IsBound"/>: still in the cache, and under this very slot; if not, unlock, put, start again;</item>
/// <item>from here on the slot can be neither freed nor handed out again, so</item>
/// <item>take the page-table lock and compare the entry with what was read first: this comparison is now free of ABA;</item>
/// <item>look whether the folio is up to date before copying or mapping it.</item>
/// </list>
/// <para>A reference alone protects nothing: <see cref="TryFreeSlot"/> does not look at the reference count. Before a fresh or locked folio
/// is published in a word, the rest of its binding is stored, so that who finds it there finds all of it.</para>
/// </remarks>
internal sealed class SwapCache<TModel>
    where TModel : IModel
{
    private readonly SwapAreas<TModel> areas;
    private readonly SwapMap<TModel> map;
    private readonly Folios<TModel> folios;
    private readonly FrameTable<TModel> frames;

    internal SwapCache(SwapAreas<TModel> areas, SwapMap<TModel> map, Folios<TModel> folios)
    {
        this.areas = areas;
        this.map = map;
        this.folios = folios;
        frames = folios.Table;
    }

    /// <summary>The folio bound to a slot, with a reference; 0 when none.</summary>
    internal uint Lookup(SwapEntry entry) => Find(entry, wait: true);

    private uint Find(SwapEntry entry, bool wait)
    {
        ref ulong slot = ref areas.Slot(entry);
        if (Unsafe.IsNullRef(ref slot))
            return 0;
        var seen = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
        while (seen.IsCached)
        {
            uint frame = seen.Payload;
            bool got = folios.TryGet(frame);
            var again = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
            if (got && again.IsSameBinding(seen))
                return frame;
            if (got)
                folios.Put(frame); // the reference may be to a frame that has become something else
            else if (again.IsSameBinding(seen) && !wait)
                return 0;
            else if (again.IsSameBinding(seen))
                TModel.WaitUntil(ref frames.Folio(frame).Lock, ulong.MaxValue, 0); // reclaim froze it under its lock: it comes back or goes
            seen = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
        }

        return 0;
    }

    /// <summary>Whether a locked folio is bound to this very slot (folio_matches_swap_entry).</summary>
    internal bool IsBound(uint frame, SwapEntry entry)
    {
        frames.AssertLocked(frame);
        return frames.Has(frame, FrameFlags.SwapCache) && frames[frame].Swap == entry.Value;
    }

    /// <summary>A: binds a locked folio to a free slot whose cluster is locked.</summary>
    internal void BindNew(SwapEntry entry, uint frame)
    {
        Prepare(entry, frame);
        map.Allocate(entry, frame);
    }

    /// <summary>C: binds a locked fresh folio to a slot in use, and hands the slot's shadow out.</summary>
    internal SwapResult TryAdd(SwapEntry entry, uint frame, out uint shadow)
    {
        shadow = 0;
        AssertUnbound(frame);
        if (Unsafe.IsNullRef(ref areas.Slot(entry)))
            return SwapResult.Invalid;
        SwapResult result = SwapMap<TModel>.Claimable(map[entry]);
        if (result != SwapResult.Ok)
            return result;
        Prepare(entry, frame);
        result = map.TryBind(entry, frame, out shadow);
        if (result != SwapResult.Ok)
            Release(frame);
        return result;
    }

    /// <summary>
    /// R: unbinds a locked folio that is not under writeback; a slot without references is freed, another one keeps the shadow. The cache's
    /// reference stays with the caller.
    /// </summary>
    internal void Unbind(uint frame, uint shadow)
    {
        AssertRemovable(frame);
        var entry = new SwapEntry(frames[frame].Swap);
        map.Unbind(entry, frame, shadow);
        frames[frame].Swap = 0;
        frames.Clear(frame, FrameFlags.SwapCache);
    }

    /// <summary>X: lets another locked folio take the place of one in the cache; the cache's reference moves too.</summary>
    internal void Replace(uint frame, uint replacement)
    {
        AssertRemovable(frame);
        AssertUnbound(replacement);
        var entry = new SwapEntry(frames[frame].Swap);
        Prepare(entry, replacement);
        map.Replace(entry, frame, replacement);
        Release(frame);
    }

    /// <summary>
    /// X for a folio whose references the caller froze, the cache's among them: all its pages, when it is a large one and the replacement too. The
    /// replacement gets references of its own; of the frozen ones the caller owns the cache's from now on.
    /// </summary>
    internal void ReplaceFrozen(uint folio, uint replacement)
    {
        AssertRemovable(folio);
        AssertUnbound(replacement);
        uint pages = frames.IsLarge(folio) ? frames.Large.Pages : 1;
        for (uint page = 0; page < pages; page++)
        {
            var entry = new SwapEntry(frames[folio + page].Swap);
            Prepare(entry, replacement + page);
            map.Replace(entry, folio + page, replacement + page);
            frames[folio + page].Swap = 0;
        }

        frames.Clear(folio, FrameFlags.SwapCache);
    }

    /// <summary>
    /// Frees the slot of a locked folio if nothing else uses it (folio_free_swap), and makes the folio dirty: it is the only copy now.
    /// </summary>
    /// <remarks>The count can fall but not rise from 0 meanwhile: that takes the folio's lock.</remarks>
    internal bool TryFreeSlot(uint frame)
    {
        frames.AssertLocked(frame);
        FrameFlags flags = frames.Flags(frame);
        if ((flags & FrameFlags.SwapCache) == 0 || (flags & FrameFlags.Writeback) != 0)
            return false;
        if (frames.IsLarge(frame))
            return TryFreeSlots(frames.HeadOf(frame));
        if (map[new SwapEntry(frames[frame].Swap)].Count != 0)
            return false;
        Unbind(frame, shadow: 0);
        frames.Set(frame, FrameFlags.Dirty);
        folios.Put(frame);
        return true;
    }

    /// <summary>
    /// R for every page of a locked large folio, with one shadow for all; the cache's references, one for each page, stay with the caller. The
    /// folio leaves the cache as a whole, so that its flag always tells of all its pages.
    /// </summary>
    internal void UnbindLarge(uint head, uint shadow)
    {
        AssertRemovable(head);
        for (uint frame = head; frame < head + frames.PagesOf(head); frame++)
        {
            map.Unbind(new SwapEntry(frames[frame].Swap), frame, shadow);
            frames[frame].Swap = 0;
        }

        frames.Clear(head, FrameFlags.SwapCache);
    }

    private bool TryFreeSlots(uint head)
    {
        for (uint frame = head; frame < head + frames.PagesOf(head); frame++)
        {
            if (map[new SwapEntry(frames[frame].Swap)].Count != 0)
                return false;
        }

        UnbindLarge(head, shadow: 0);
        frames.Set(head, FrameFlags.Dirty);
        folios.Put(head, (int)frames.PagesOf(head));
        return true;
    }

    /// <summary>
    /// Tries to free a slot that only the cache holds (__try_to_reclaim_swap): never waits for the folio's lock, because callers hold
    /// page-table locks or another folio's lock.
    /// </summary>
    /// <param name="entry">The slot; its area is pinned.</param>
    /// <param name="anyway">Whether a mapped folio may lose its slot although swap is not half full.</param>
    internal bool TryReclaim(SwapEntry entry, bool anyway)
    {
        while (true)
        {
            uint frame = Find(entry, wait: false); // a frozen folio is a locked one
            if (frame == 0)
                return false;
            if (!frames.TryLock(frame))
            {
                folios.Put(frame);
                return false;
            }

            bool bound = IsBound(frame, entry);
            bool freed = bound && (anyway || frames.FolioMappings(frame) == 0 || areas.IsHalfFull) && TryFreeSlot(frame);
            frames.Unlock(frame);
            folios.Put(frame);
            if (bound)
                return freed;
        }
    }

    private void Prepare(SwapEntry entry, uint frame)
    {
        frames[frame].Swap = entry.Value;
        frames.Get(frame);
        frames.Set(frame, FrameFlags.SwapCache);
    }

    private void Release(uint frame)
    {
        frames[frame].Swap = 0;
        frames.Clear(frame, FrameFlags.SwapCache);
        folios.Put(frame);
    }

    private void AssertUnbound(uint frame)
    {
        if (!TModel.Checked)
            return;
        frames.AssertLocked(frame);
        if (frames.Has(frame, FrameFlags.SwapCache))
            throw new InvalidOperationException($"Frame {frame} is in the swap cache already, under {new SwapEntry(frames[frame].Swap)}.");
    }

    private void AssertRemovable(uint frame)
    {
        if (!TModel.Checked)
            return;
        frames.AssertLocked(frame);
        FrameFlags flags = frames.Flags(frame);
        if ((flags & FrameFlags.SwapCache) == 0 || (flags & FrameFlags.Writeback) != 0)
            throw new InvalidOperationException($"Frame {frame} cannot leave the swap cache: its flags are {flags}.");
    }
}
