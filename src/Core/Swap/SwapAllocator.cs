using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <summary>
/// Finds free slots in the order in which Linux 6.18 does (mm/swapfile.c, cluster allocator), for folios of 2^order pages.
/// </summary>
/// <remarks>
/// <para>A hint names the next slot to try: one per processor and order, whatever the area; rotational areas have one of their own instead, for
/// single slots. The hint wins over priorities until its cluster is exhausted. From the hint a cluster is scanned forward to its end and no
/// further; a cluster that comes from a list is scanned from its first slot. After each attempt the cluster goes to the list of its state.</para>
/// <para>Then the areas take turns, and within an area: every NONFULL cluster of the order, one FREE, (swap more than half full: reclaim of
/// one FULL), one FRAG of the order, and for single slots the clusters of higher orders.</para>
/// <para>The first allocation in an empty cluster fixes its order: large folios share clusters only with such of their own size, and one of a
/// whole cluster takes a FREE one. They are served where clusters are as large as huge pages (CONFIG_THP_SWAP), in areas that are
/// synchronous and no file, and only the first area is asked; else their owner has to split them.</para>
/// <para>A hint is stored with the cluster locked, after WriteOk was seen under that lock: so swapoff, which locks every cluster once after it
/// cleared WriteOk, can clear the hints knowing that no late one appears.</para>
/// </remarks>
internal sealed partial class SwapAllocator<TModel>
    where TModel : IModel
{
    private readonly SwapAreas<TModel> areas;
    private readonly SwapClusters<TModel> clusters;
    private readonly SwapMap<TModel> map;
    private readonly SwapCache<TModel> cache;

    internal SwapAllocator(SwapAreas<TModel> areas, SwapClusters<TModel> clusters, SwapMap<TModel> map, SwapCache<TModel> cache)
    {
        this.areas = areas;
        this.clusters = clusters;
        this.map = map;
        this.cache = cache;
    }

    /// <summary>Finds a slot and binds the locked folio to it (folio_alloc_swap).</summary>
    /// <param name="frame">The folio; 0 reserves the slot without one.</param>
    /// <param name="entry">The slot.</param>
    internal SwapResult TryAllocate(uint frame, out SwapEntry entry)
    {
        return TryFast(frame, 0, out entry) ? SwapResult.Ok : TryInTurn(frame, 0, out entry);
    }

    /// <summary>Finds neighbouring slots for the pages of a locked large folio, aligned to their number, and binds them.</summary>
    /// <param name="head">The folio.</param>
    /// <param name="order">log2 of its pages.</param>
    /// <param name="hugeOrder">log2 of the pages of a huge page.</param>
    /// <param name="first">The slot of its first page.</param>
    internal SwapResult TryAllocateLarge(uint head, int order, int hugeOrder, out SwapEntry first)
    {
        first = default;
        if (areas.ClusterSlots != 1u << hugeOrder)
            return SwapResult.Full;
        return TryFast(head, order, out first) ? SwapResult.Ok : TryInTurn(head, order, out first);
    }

    private ref ulong ProcessorHint(int order) => ref areas.State.Hints[(int)(Owner.Thread % SwapStateRecord.Processors)].Orders[order];

    private bool IsWholeCluster(int order) => areas.ClusterSlots == 1u << order;

    /// <summary>Asks the areas by priority. For a large folio only the first is asked: rather than go on, the caller splits the folio.</summary>
    private SwapResult TryInTurn(uint frame, int order, out SwapEntry entry)
    {
        entry = default;
        uint tried = 0;
        while (true)
        {
            uint type = areas.TakeTurn(ref tried);
            if (type == SwapAreas<TModel>.MaxAreas)
                return SwapResult.Full;
            if (!areas.TryPin(type))
                continue;
            ulong offset = AllocateIn(type, frame, order);
            areas.Unpin(type);
            if (offset != 0)
            {
                entry = new SwapEntry(type, offset);
                return SwapResult.Ok;
            }

            if (order != 0)
                return SwapResult.Full;
        }
    }

    /// <summary>Frees cache-only slots of the full clusters of an area that has just become full: what the kernel's reclaim worker does.</summary>
    internal void ReclaimWhenFull(uint type)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (SwapAreas<TModel>.InUse(ref area) != area.Usable || !areas.IsHalfFull || !areas.TryPin(type))
            return;
        ReclaimFullClusters(type, (uint)(area.Usable / areas.ClusterSlots));
        areas.Unpin(type);
    }

    /// <summary>Forgets every hint that names an area being removed.</summary>
    internal void DropHints(uint type)
    {
        for (int processor = 0; processor < SwapStateRecord.Processors; processor++)
        {
            for (int order = 0; order < SwapClusterLists.Orders; order++)
            {
                ref ulong hint = ref areas.State.Hints[processor].Orders[order];
                ulong seen = Atomic<TModel>.Load(ref hint);
                if (seen != 0 && new SwapEntry(seen).Type == type)
                    Atomic<TModel>.CompareExchange(ref hint, 0, seen);
            }
        }
    }

    private bool TryFast(uint frame, int order, out SwapEntry entry)
    {
        entry = default;
        var hint = new SwapEntry(Atomic<TModel>.Load(ref ProcessorHint(order)));
        if (hint.IsNone || !areas.TryPin(hint.Type))
            return false;
        ref SwapAreaRecord area = ref areas[hint.Type];
        ulong offset = hint.Offset < area.Slots ? ScanFromHint(hint.Type, hint.Offset, frame, order) : 0;
        areas.Unpin(hint.Type);
        entry = offset != 0 ? new SwapEntry(hint.Type, offset) : default;
        return offset != 0;
    }

    private ulong ScanFromHint(uint type, ulong offset, uint frame, int order)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref clusters.Lock(ref area, offset);
        if (!SwapClusters<TModel>.IsUsable(ref cluster, (uint)order))
        {
            SwapClusters<TModel>.Unlock(ref cluster);
            return 0;
        }

        uint index = (uint)(offset / areas.ClusterSlots);
        return ScanLocked(type, index, cluster.Used == 0 ? FirstSlot(index) : offset, frame, order);
    }

    private ulong AllocateIn(uint type, uint frame, int order)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (order != 0)
            return AllocateLargeIn(type, frame, order);
        if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Rotational))
            return AllocateFromLists(type, frame);
        WordLock<TModel>.Acquire(ref area.HintLock);
        ulong found = area.Hint != 0 ? ScanFromHint(type, area.Hint, frame, 0) : 0;
        if (found == 0)
            found = AllocateFromLists(type, frame);
        WordLock<TModel>.Release(ref area.HintLock);
        return found;
    }

    private ulong AllocateLargeIn(uint type, uint head, int order)
    {
        if ((SwapAreas<TModel>.Flags(ref areas[type]) & (SwapAreaFlags.Synchronous | SwapAreaFlags.File)) != SwapAreaFlags.Synchronous)
            return 0;
        bool whole = IsWholeCluster(order); // such a folio fits into an empty cluster only
        ulong found = whole ? 0 : ScanList(type, SwapClusterState.NonFull, order, head, order, all: true);
        if (found == 0)
            found = ScanList(type, SwapClusterState.Free, 0, head, order, all: false);
        if (found != 0)
            return found;
        if (areas.IsHalfFull)
            ReclaimFullClusters(type, 1);
        return whole ? 0 : ScanList(type, SwapClusterState.Frag, order, head, order, all: false);
    }

    private ulong AllocateFromLists(uint type, uint frame)
    {
        ulong found = ScanList(type, SwapClusterState.NonFull, 0, frame, 0, all: true);
        if (found == 0)
            found = ScanList(type, SwapClusterState.Free, 0, frame, 0, all: false);
        if (found != 0)
            return found;
        if (areas.IsHalfFull)
            ReclaimFullClusters(type, 1);
        found = ScanList(type, SwapClusterState.Frag, 0, frame, 0, all: false);
        for (int other = 1; other < SwapClusterLists.Orders && found == 0; other++)
        {
            found = ScanList(type, SwapClusterState.Frag, other, frame, 0, all: true);
            if (found == 0)
                found = ScanList(type, SwapClusterState.NonFull, other, frame, 0, all: true);
        }

        return found;
    }

    /// <param name="type">The area.</param>
    /// <param name="list">The list.</param>
    /// <param name="listOrder">Order of the clusters on it.</param>
    /// <param name="frame">The folio.</param>
    /// <param name="order">Order of the folio.</param>
    /// <param name="all">Whether all clusters of the list are tried, or one.</param>
    private ulong ScanList(uint type, SwapClusterState list, int listOrder, uint frame, int order, bool all)
    {
        ref SwapAreaRecord area = ref areas[type];
        do
        {
            uint index = clusters.TryIsolate(ref area, list, (uint)listOrder);
            if (index == SwapClusters<TModel>.None)
                return 0;
            ulong found = ScanLocked(type, index, FirstSlot(index), frame, order);
            if (found != 0)
                return found;
        }
        while (all);
        return 0;
    }

    /// <summary>
    /// Takes the first free slots of a locked cluster from an offset on, stores the hint, puts the cluster on its list and unlocks it
    /// (alloc_swap_scan_cluster).
    /// </summary>
    private ulong ScanLocked(uint type, uint index, ulong offset, uint frame, int order)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong end = Math.Min(FirstSlot(index) + areas.ClusterSlots, area.Slots);
        ulong slots = 1UL << order;
        ulong found = 0;
        ulong next = 0;
        if (cluster.Used + slots <= areas.ClusterSlots)
            found = FirstTakeable(type, index, offset, end, order);
        if (found != 0 && !TryTake(type, index, found, frame, order))
            found = 0;
        if (found != 0 && cluster.Used < areas.ClusterSlots && found + (2 * slots) <= end)
            next = found + slots;
        clusters.Relocate(ref area, index);
        StoreHint(type, next, order);
        SwapClusters<TModel>.Unlock(ref cluster);
        return found;
    }

    /// <summary>
    /// The first free run of slots, aligned to its length; cache-only slots on the way are reclaimed when swap is more than half full. 0 when
    /// there is none.
    /// </summary>
    private ulong FirstTakeable(uint type, uint index, ulong offset, ulong end, int order)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong slots = 1UL << order;
        for (; offset + slots <= end; offset += slots)
        {
            if (order == 0 && !TModel.Checked && !TModel.Explored)
            {
                // Models that check or are explored see every slot looked at; others pass over those with owners.
                ulong first = FirstSlot(index);
                int at = (int)(offset - first);
                offset = first + (ulong)SlotGroups.Next(ref cluster, areas.SlotWords(ref area, first, end), at, areas.IsHalfFull);
                if (offset == end)
                    return 0;
            }

            if (!MayBeTaken(type, offset, slots, out bool occupied))
                continue;
            if (!occupied)
                return offset;
            SwapClusters<TModel>.Unlock(ref cluster);
            for (ulong slot = offset; slot < offset + slots; slot++)
            {
                if (map[new SwapEntry(type, slot)].IsCacheOnly && !cache.TryReclaim(new SwapEntry(type, slot), anyway: true))
                    break;
            }

            clusters.Lock(ref area, offset);
            if (!SwapClusters<TModel>.IsUsable(ref cluster, (uint)order))
                return 0; // others emptied or filled it meanwhile: what was seen of it is worth nothing
            if (cluster.Used == 0)
                return FirstSlot(index);
            if (MayBeTaken(type, offset, slots, out occupied) && !occupied)
                return offset;
        }

        return 0;
    }

    /// <summary>Whether no slot of a run has an owner beside the swap cache (cluster_scan_range).</summary>
    private bool MayBeTaken(uint type, ulong offset, ulong slots, out bool occupied)
    {
        occupied = false;
        for (ulong slot = offset; slot < offset + slots; slot++)
        {
            SwapSlotWord word = map[new SwapEntry(type, slot)];
            if (word.IsFree)
                continue;
            if (!word.IsCacheOnly || !areas.IsHalfFull)
                return false;
            occupied = true;
        }

        return true;
    }

    private bool TryTake(uint type, uint index, ulong offset, uint frame, int order)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            return false;
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        if (cluster.Used == 0)
            cluster.Order = (uint)order;
        for (uint page = 0; page < 1u << order; page++)
        {
            var entry = new SwapEntry(type, offset + page);
            if (frame != 0)
                cache.BindNew(entry, frame + page);
            else
                map.Reserve(entry);
            cluster.Used++;
            areas.CountAllocated(ref area);
        }

        return true;
    }

    /// <summary>Tries to free the cache-only slots of some full clusters (swap_reclaim_full_clusters).</summary>
    private void ReclaimFullClusters(uint type, uint limit)
    {
        ref SwapAreaRecord area = ref areas[type];
        do
        {
            uint index = clusters.TryIsolate(ref area, SwapClusterState.Full, 0);
            if (index == SwapClusters<TModel>.None)
                return;
            ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
            ulong end = Math.Min(FirstSlot(index) + areas.ClusterSlots, area.Slots);
            for (ulong offset = FirstSlot(index); offset < end; offset++)
            {
                var entry = new SwapEntry(type, offset);
                if (!map[entry].IsCacheOnly)
                    continue;
                SwapClusters<TModel>.Unlock(ref cluster);
                cache.TryReclaim(entry, anyway: true);
                clusters.Lock(ref area, offset);
            }

            if (cluster.State == SwapClusterState.None)
                clusters.Relocate(ref area, index); // nothing was freed, else it would be on a list again
            SwapClusters<TModel>.Unlock(ref cluster);
        }
        while (--limit is > 0 and < uint.MaxValue);
    }

    private void StoreHint(uint type, ulong next, int order)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Rotational))
            area.Hint = order == 0 ? next : area.Hint;
        else if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            Atomic<TModel>.Store(ref ProcessorHint(order), next == 0 ? 0 : new SwapEntry(type, next).Value);
    }

    private ulong FirstSlot(uint index) => (ulong)index * areas.ClusterSlots;
}
