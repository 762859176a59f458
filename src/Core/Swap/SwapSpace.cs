using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>The swap floor's front: areas, swap map, swap cache and their I/O.</summary>
/// <seealso cref="ClusterReadahead{TModel}"/>
public sealed partial class SwapSpace<TModel> : IDisposable
    where TModel : IModel
{
    private readonly Folios<TModel> folios;
    private readonly SwapAreas<TModel> areas;
    private readonly SwapCache<TModel> cache;
    private readonly SwapAllocator<TModel> allocator;
    private readonly SwapDevices<TModel> devices;
    private readonly SwapTransfer<TModel> transfer;
    private readonly SwapActivation<TModel> activation;

    /// <summary>Makes a view of the swap areas of a machine.</summary>
    public SwapSpace(MachineImage image, Folios<TModel> folios)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(folios);
        this.folios = folios;
        areas = new SwapAreas<TModel>(image);
        Tags = new TagStorage<TModel>(image, areas);
        devices = new SwapDevices<TModel>(areas);
        Overflow = new SwapOverflow<TModel>(areas);
        var clusters = new SwapClusters<TModel>(areas);
        Map = new SwapMap<TModel>(areas, clusters, Overflow, devices, folios);
        cache = new SwapCache<TModel>(areas, Map, folios);
        allocator = new SwapAllocator<TModel>(areas, clusters, Map, cache);
        transfer = new SwapTransfer<TModel>(areas, Map, cache, devices, folios);
        activation = new SwapActivation<TModel>(areas, clusters, allocator, devices);
        Readahead = new ClusterReadahead<TModel>(areas);
        WorkingSet = new WorkingSet<TModel>(image, folios, areas);
    }

    /// <summary>The words of the slots.</summary>
    public SwapMap<TModel> Map { get; }

    /// <summary>Per-page metadata of frames and slots.</summary>
    public TagStorage<TModel> Tags { get; }

    /// <summary>Reads and writes that shall fail; of this view only.</summary>
    public SwapFaults Faults => devices.Faults;

    /// <summary>How much is read ahead, and what came of it.</summary>
    public ClusterReadahead<TModel> Readahead { get; }

    /// <summary>Which pages come back so soon that they are active at once.</summary>
    public WorkingSet<TModel> WorkingSet { get; }

    internal SwapAreas<TModel> Areas => areas;

    /// <summary>Who wants to know of slots that are written and freed; set before the first one is.</summary>
    internal ISlotTagEvents? TagEvents
    {
        set => areas.TagEvents = value;
    }

    internal SwapOverflow<TModel> Overflow { get; }

    // ---- areas

    /// <summary>Adds a swap area (swapon).</summary>
    public SwapResult SwapOn(SwapAreaOptions options, out uint type) => activation.SwapOn(options, out type);

    /// <summary>First half of swapoff: no new slot of the area is handed out any more; returns after every allocator knows.</summary>
    public SwapResult BeginSwapOff(uint type) => activation.Begin(type);

    /// <summary>Takes <see cref="BeginSwapOff"/> back.</summary>
    public void AbortSwapOff(uint type) => activation.Abort(type);

    /// <summary>Second half of swapoff, when no slot is in use: waits for users of the area, forgets it. Invalid while a slot is in use.</summary>
    public SwapResult FinishSwapOff(uint type) => activation.Finish(type);

    /// <summary>Slots in use of one area (cache-only slots included).</summary>
    public uint InUse(uint type) => type < SwapAreas<TModel>.MaxAreas ? (uint)SwapAreas<TModel>.InUse(ref areas[type]) : 0;

    /// <summary>Slots in use of all areas.</summary>
    public ulong TotalInUse
    {
        get
        {
            ulong total = 0;
            for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
                total += InUse(type);
            return total;
        }
    }

    /// <summary>Whether any area hands out slots.</summary>
    public bool HasActiveArea => Atomic<TModel>.Load(ref areas.State.ActiveAreas) != 0;

    /// <summary>Whether a slot is free in any area.</summary>
    public bool HasFreeSlot => areas.HasFreeSlot;

    /// <summary>
    /// Gives back the slots that only the swap cache holds, in areas that have no other left (swap_reclaim_work). Reclaim does not come across
    /// them: while no slot is free it leaves all anonymous pages alone.
    /// </summary>
    /// <returns>Whether a slot came free.</returns>
    public bool ReclaimFull()
    {
        ulong before = TotalInUse;
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
            allocator.ReclaimWhenFull(type);
        return TotalInUse < before;
    }

    /// <summary>
    /// If no slot of any area is in use and none can be handed out, keeps it so until <see cref="EndUnused"/>: swapon waits meanwhile. The
    /// caller does little in between and takes no lock but the innermost.
    /// </summary>
    internal bool TryBeginUnused()
    {
        if (!areas.TryBeginInactive())
            return false;
        if (TotalInUse == 0)
            return true;
        areas.EndInactive();
        return false;
    }

    /// <summary>Ends <see cref="TryBeginUnused"/>.</summary>
    internal void EndUnused() => areas.EndInactive();

    /// <summary>Whether less than half of all swap is free (vm_swap_full).</summary>
    public bool IsHalfFull => areas.IsHalfFull;

    /// <summary>The next slot in use of an area at or above an offset, 0 when none: for the last phase of swapoff and for Verify.</summary>
    public ulong NextInUse(uint type, ulong offset)
    {
        if (type >= SwapAreas<TModel>.MaxAreas)
            return 0;
        for (; offset < areas[type].Slots; offset++)
        {
            if (Map[new SwapEntry(type, offset)].IsUsed)
                return offset;
        }

        return 0;
    }

    /// <summary>Every slot in use of every area, with its word, in ascending order: for observers and for checks against page tables.</summary>
    public IEnumerable<(SwapEntry Entry, SwapSlotWord Word)> UsedSlots()
    {
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            for (ulong offset = NextInUse(type, 1); offset != 0; offset = NextInUse(type, offset + 1))
            {
                var entry = new SwapEntry(type, offset);
                yield return (entry, Map[entry]);
            }
        }
    }

    /// <summary>Keeps an area from being removed (get_swap_device); false when it is gone or the entry is outside it.</summary>
    public bool TryPinArea(SwapEntry entry)
    {
        if (entry.IsNone || !areas.TryPin(entry.Type))
            return false;
        if (entry.Offset < areas[entry.Type].Slots)
            return true;
        areas.Unpin(entry.Type);
        return false;
    }

    /// <summary>Ends <see cref="TryPinArea"/>.</summary>
    public void UnpinArea(SwapEntry entry) => areas.Unpin(entry.Type);

    /// <summary>Whether the area is synchronous.</summary>
    public bool IsSynchronous(SwapEntry entry) => Has(entry, SwapAreaFlags.Synchronous);

    /// <summary>Whether the area demands stable content during writeback.</summary>
    public bool HasStableWrites(SwapEntry entry) => Has(entry, SwapAreaFlags.StableWrites);

    // ---- slots

    /// <summary>Finds a slot for a locked folio that has none and binds them in the swap cache: count 0, one reference for the cache.</summary>
    public SwapResult TryAllocate(uint frame, out SwapEntry entry)
    {
        folios.Table.AssertLocked(frame);
        if (TModel.Checked && folios.Table.Has(frame, FrameFlags.SwapCache))
            throw new InvalidOperationException($"Frame {frame} has a slot already: {new SwapEntry(folios.Table[frame].Swap)}.");
        uint group = folios.Groups.OwnerOf(frame);
        entry = default;
        if (group != 0 && !folios.Groups.TryChargeSlots(group, 1))
            return SwapResult.Full;
        SwapResult result = allocator.TryAllocate(frame, out entry);
        if (result == SwapResult.Ok)
        {
            folios.Groups.SetSlotOwner(areas.Index(entry), group);
            allocator.ReclaimWhenFull(entry.Type);
        }
        else if (group != 0)
        {
            folios.Groups.UnchargeSlots(group, 1);
        }

        return result;
    }

    /// <summary>The group that a slot in use is charged to; 0 for none.</summary>
    public uint OwnerOf(SwapEntry entry) => folios.Groups.SlotOwner(areas.Index(entry));

    /// <summary>
    /// Finds neighbouring slots for all pages of a locked large folio that has none, and binds each page to its own; one reference for each.
    /// Full: no area can take it as a whole.
    /// </summary>
    public SwapResult TryAllocateLarge(uint head)
    {
        folios.Table.AssertLocked(head);
        uint group = folios.Groups.OwnerOf(head);
        uint pages = folios.Table.PagesOf(head);
        if (group != 0 && !folios.Groups.TryChargeSlots(group, pages))
            return SwapResult.Full;
        SwapResult result = allocator.TryAllocateLarge(head, folios.Table.OrderOf(head), folios.Table.Large.LargestOrder, out SwapEntry first);
        if (result == SwapResult.Ok)
        {
            for (uint page = 0; page < pages; page++)
                folios.Groups.SetSlotOwner(areas.Index(first) + page, group);
            allocator.ReclaimWhenFull(first.Type);
        }
        else if (group != 0)
        {
            folios.Groups.UnchargeSlots(group, pages);
        }

        return result;
    }

    /// <summary>
    /// Takes a free slot without a folio: pinned, count 0 (what slot caches before Linux 6.15 did ahead of need). It is bound by
    /// <see cref="SwapMap{TModel}.BindPinned"/> or given back by <see cref="UnpinSlot"/>.
    /// </summary>
    public SwapResult TryReserve(out SwapEntry entry) => allocator.TryAllocate(frame: 0, out entry);

    /// <summary>
    /// As <see cref="TryReserve(out SwapEntry)"/>, many at once: the same slots in the same order, for an eighth of the cost or less.
    /// Returns how many there were.
    /// </summary>
    public int TryReserve(Span<SwapEntry> entries) => allocator.TryReserveMany(entries);

    /// <summary>
    /// Takes free slots for somebody who keeps contents without folios: in use, with one reference each, which is the caller's (what hibernation does
    /// with get_swap_page_of_type). As long as nothing is written there they read as zero. Returns how many there were; <see cref="Put(SwapEntry)"/>
    /// gives them back.
    /// </summary>
    public int TryTake(Span<SwapEntry> entries)
    {
        int count = TryReserve(entries);
        Map.Take(entries[..count]);
        return count;
    }

    /// <summary>One more swap reference. From 0 only with the bound folio locked; else the caller protects an existing reference.</summary>
    public SwapResult TryDuplicate(SwapEntry entry) => Map.TryDuplicate(entry);

    /// <summary>One swap reference less (swap_free); the slot is freed when it was the last and nothing else holds it.</summary>
    public void Put(SwapEntry entry) => Map.Put(entry);

    /// <summary>One swap reference less of each slot; those that follow each other in a cluster are freed together.</summary>
    public void Put(ReadOnlySpan<SwapEntry> entries) => Map.Put(entries);

    /// <summary>
    /// As <see cref="Put(SwapEntry)"/>, and if only the swap cache still holds the slot, tries to take an unmapped folio out of it
    /// (free_swap_and_cache).
    /// </summary>
    public void PutAndReclaim(SwapEntry entry)
    {
        // Pinned first: after the put nothing of the caller's keeps the area, and the folio is still to be looked up.
        bool pinned = TModel.ZapPinsArea && TryPinArea(entry);
        if (Map.Put(entry).IsCacheOnly && (pinned || !TModel.ZapPinsArea))
            cache.TryReclaim(entry, anyway: false); // unpinned, before 82b1c07a0af6: swapoff may have forgotten the area by now
        if (pinned)
            UnpinArea(entry);
    }

    /// <summary>Swap references of a slot (cache and pin not counted); 0 of a free or bad slot.</summary>
    public uint Count(SwapEntry entry) => Map.Count(entry);

    /// <summary>Pins a slot for a direct swap-in; codes Exists, NoEntry.</summary>
    public SwapResult TryPinSlot(SwapEntry entry) => Map.TryPin(entry);

    /// <summary>
    /// A fresh folio, locked, is read from slots that the caller has pinned, without the swap cache; before it is put on a list.
    /// </summary>
    public void NoteDirectRead(SwapEntry first, uint head) => WorkingSet.Refault(head, first);

    /// <summary>Ends <see cref="TryPinSlot"/>; the slot is freed here if it has no reference left.</summary>
    public void UnpinSlot(SwapEntry entry) => Map.Unpin(entry);

    /// <summary>
    /// Pins neighbouring slots, all or none (swapcache_prepare of a large folio). While it is being tried some may look pinned to others.
    /// </summary>
    /// <param name="first">The first slot.</param>
    /// <param name="count">How many.</param>
    /// <param name="inTheWay">The slot that could not be pinned: who waits must wait for that one, others were pinned and let go of again.</param>
    public SwapResult TryPinSlots(SwapEntry first, uint count, out SwapEntry inTheWay)
    {
        inTheWay = first;
        for (uint slot = 0; slot < count; slot++)
        {
            inTheWay = new SwapEntry(first.Type, first.Offset + slot);
            SwapResult result = Map.TryPin(inTheWay);
            if (result == SwapResult.Ok)
                continue;
            UnpinSlots(first, slot);
            return result;
        }

        return SwapResult.Ok;
    }

    /// <summary>Ends <see cref="TryPinSlots"/>.</summary>
    public void UnpinSlots(SwapEntry first, uint count)
    {
        for (uint slot = 0; slot < count; slot++)
            Map.Unpin(new SwapEntry(first.Type, first.Offset + slot));
    }

    /// <summary>Returns when the slot was seen not to be pinned.</summary>
    public void WaitWhilePinned(SwapEntry entry) => Map.WaitWhilePinned(entry);

    // ---- swap cache

    /// <summary>The folio bound to a slot, with a reference taken, 0 when none. Stale on return: lock it and ask <see cref="IsBound"/>.</summary>
    public uint Lookup(SwapEntry entry) => cache.Lookup(entry);

    /// <summary>Binds a locked fresh folio to a slot in use; codes Exists, NoEntry. Takes a reference for the cache.</summary>
    public SwapResult TryAddToCache(SwapEntry entry, uint frame)
    {
        SwapResult result = cache.TryAdd(entry, frame, out uint shadow);
        if (result == SwapResult.Ok)
            WorkingSet.Refault(frame, shadow);
        return result;
    }

    /// <summary>Whether a locked folio is bound to this very slot.</summary>
    public bool IsBound(uint frame, SwapEntry entry) => cache.IsBound(frame, entry);

    /// <summary>Unbinds a locked folio that is not under writeback and drops the cache's reference; a slot without references is freed.</summary>
    /// <param name="frame">The folio; clean, unless no reference to its slot is left.</param>
    /// <param name="shadow">What a slot that stays in use remembers of the folio: <see cref="WorkingSet{TModel}"/>.</param>
    public void RemoveFromCache(uint frame, uint shadow = 0)
    {
        cache.Unbind(frame, shadow);
        folios.Put(frame);
    }

    /// <summary>
    /// As <see cref="RemoveFromCache"/> for a folio whose references the caller froze, the cache's among them (__remove_mapping): none is dropped.
    /// </summary>
    public void RemoveFrozenFromCache(uint frame, uint shadow = 0) => cache.Unbind(frame, shadow);

    /// <summary>As <see cref="RemoveFrozenFromCache"/> for a large folio, of which the cache has a reference for each page.</summary>
    public void RemoveFrozenLargeFromCache(uint head, uint shadow = 0) => cache.UnbindLarge(head, shadow);

    /// <summary>Lets a locked folio that is in no cache take the place of a locked one; the cache's reference moves with the binding.</summary>
    public void ReplaceInCache(uint frame, uint replacement) => cache.Replace(frame, replacement);

    /// <summary>
    /// As <see cref="ReplaceInCache"/> for a folio whose references the caller froze, the cache's among them: these are the caller's from now on,
    /// and the replacement has some of its own. Works for large folios of the same size too.
    /// </summary>
    public void ReplaceFrozenInCache(uint folio, uint replacement) => cache.ReplaceFrozen(folio, replacement);

    /// <summary>What the slot remembers of the folio last removed from the cache; 0 when nothing or when a folio is bound.</summary>
    public uint Shadow(SwapEntry entry) => Map[entry] is { Tag: SwapSlotTag.InUse } word ? word.Payload : 0;

    /// <summary>
    /// Frees the slot of a locked folio if nothing else uses it (folio_free_swap): not under writeback, count 0. The folio is then dirty.
    /// </summary>
    public bool TryFreeSlot(uint frame) => cache.TryFreeSlot(frame);

    /// <summary>Closes what this view holds open (files); the areas stay.</summary>
    public void Dispose() => devices.CloseAll();

    // ---- input and output

    /// <summary>Reads a slot into a locked folio; sets Uptodate, or ReadError. A slot known to be zero is cleared without I/O.</summary>
    public SwapResult Read(SwapEntry entry, uint frame) => transfer.Read(entry, frame);

    /// <summary>Whether the content of a slot is known to be all zero, so that reading it does no I/O.</summary>
    public bool IsZero(SwapEntry entry) => Map[entry].IsZero;

    /// <summary>
    /// Writes a locked, dirty, unmapped folio to the slot it is bound to. The folio is unlocked on return only if the result is UnderWay.
    /// </summary>
    public SwapWrite Write(uint frame) => transfer.Write(frame);

    /// <summary>
    /// Reads neighbouring slots into a locked large folio that is in no swap cache; sets Uptodate if all could be read, else ReadError.
    /// </summary>
    public SwapResult ReadLarge(SwapEntry first, uint head) => transfer.ReadLarge(first, head);

    /// <summary>Writes a locked, dirty, unmapped large folio to the slots it is bound to, which are in a synchronous area: never UnderWay.</summary>
    public SwapWrite WriteLarge(uint head) => transfer.WriteLarge(head);

    /// <summary>Completes pending writes, at most <paramref name="limit"/>; returns how many.</summary>
    public int CompleteWrites(int limit = int.MaxValue) => transfer.Complete(limit);

    /// <summary>Returns when the folio is not under writeback; completes writes itself if need be.</summary>
    public void WaitForWriteback(uint frame) => transfer.Wait(frame);

    /// <summary>What lies in a slot on the device now (stale while a dirty folio is bound to it); for observers.</summary>
    public SwapResult Peek(SwapEntry entry, Span<byte> destination) => transfer.Peek(entry, destination);

    /// <summary>Pages read from areas since the machine was made (pswpin).</summary>
    public ulong PagesRead => Atomic<TModel>.Load(ref areas.State.PagesRead);

    /// <summary>Pages written to areas since the machine was made (pswpout).</summary>
    public ulong PagesWritten => Atomic<TModel>.Load(ref areas.State.PagesWritten);

    /// <summary>Reads that failed since the machine was made.</summary>
    public ulong ReadErrors => Atomic<TModel>.Load(ref areas.State.ReadErrors);

    /// <summary>Writes that failed since the machine was made; each left its folio dirty.</summary>
    public ulong WriteErrors => Atomic<TModel>.Load(ref areas.State.WriteErrors);

    private bool Has(SwapEntry entry, SwapAreaFlags flag) =>
        entry.Type < SwapAreas<TModel>.MaxAreas && SwapAreas<TModel>.Has(ref areas[entry.Type], flag);
}
