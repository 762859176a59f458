using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <summary>
/// Finds free slots in the order in which Linux 6.18 does (mm/swapfile.c, cluster allocator), for folios of one page and of a cluster.
/// </summary>
/// <remarks>
/// <para>A hint names the next slot to try: one per processor, whatever the area; rotational areas have one of their own instead. The
/// hint wins over priorities until its cluster is exhausted. From the hint a cluster is scanned forward to its end and no further; a
/// cluster that comes from a list is scanned from its first slot. After each attempt the cluster goes to the list of its state.</para>
/// <para>Then the areas take turns, and within an area: every NONFULL cluster, one FREE, (swap more than half full: reclaim of one FULL),
/// one FRAG, then the clusters of higher orders.</para>
/// <para>A large folio gets a cluster of its own, a FREE one, if it is just as large, and only in an area that is synchronous and no file;
/// else its owner has to split it.</para>
/// <para>A hint is stored with the cluster locked, after WriteOk was seen under that lock: so swapoff, which locks every cluster once after it
/// cleared WriteOk, can clear the hints knowing that no late one appears.</para>
/// </remarks>
internal sealed class SwapAllocator<TModel>
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

    private ref ulong ProcessorHint => ref areas.State.Hints[(int)(Owner.Thread % SwapStateRecord.Processors)].Order0;

    /// <summary>Finds a slot and binds the locked folio to it (folio_alloc_swap).</summary>
    /// <param name="frame">The folio; 0 reserves the slot without one.</param>
    /// <param name="entry">The slot.</param>
    internal SwapResult TryAllocate(uint frame, out SwapEntry entry)
    {
        return TryFast(frame, out entry) ? SwapResult.Ok : TryInTurn(frame, wholeCluster: false, out entry);
    }

    /// <summary>Finds a slot for every page of a locked large folio, all in one cluster, and binds them.</summary>
    /// <param name="head">The folio.</param>
    /// <param name="pages">Its pages.</param>
    /// <param name="first">The slot of its first page.</param>
    internal SwapResult TryAllocateCluster(uint head, uint pages, out SwapEntry first)
    {
        first = default;
        return pages == areas.ClusterSlots ? TryInTurn(head, wholeCluster: true, out first) : SwapResult.Full;
    }

    /// <summary>Asks the areas by priority. For a large folio only the first is asked: rather than go on, the caller splits the folio.</summary>
    private SwapResult TryInTurn(uint frame, bool wholeCluster, out SwapEntry entry)
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
            ulong offset = wholeCluster ? TakeCluster(type, frame) : AllocateIn(type, frame);
            areas.Unpin(type);
            if (offset != 0)
            {
                entry = new SwapEntry(type, offset);
                return SwapResult.Ok;
            }

            if (wholeCluster)
                return SwapResult.Full;
        }
    }

    private ulong TakeCluster(uint type, uint head)
    {
        ref SwapAreaRecord area = ref areas[type];
        if ((SwapAreas<TModel>.Flags(ref area) & (SwapAreaFlags.Synchronous | SwapAreaFlags.File)) != SwapAreaFlags.Synchronous)
            return 0;
        uint index = clusters.TryIsolate(ref area, SwapClusterState.Free, 0);
        if (index == SwapClusters<TModel>.None)
            return 0;
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        bool taken = SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk); // under the cluster's lock, as for a single slot
        if (taken)
        {
            cluster.Order = (uint)BitOperations.Log2(areas.ClusterSlots);
            for (uint page = 0; page < areas.ClusterSlots; page++)
            {
                cache.BindNew(new SwapEntry(type, FirstSlot(index) + page), head + page);
                cluster.Used++;
                areas.CountAllocated(ref area);
            }
        }

        clusters.Relocate(ref area, index);
        SwapClusters<TModel>.Unlock(ref cluster);
        return taken ? FirstSlot(index) : 0;
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
            ref ulong hint = ref areas.State.Hints[processor].Order0;
            ulong seen = Atomic<TModel>.Load(ref hint);
            if (seen != 0 && new SwapEntry(seen).Type == type)
                Atomic<TModel>.CompareExchange(ref hint, 0, seen);
        }
    }

    private bool TryFast(uint frame, out SwapEntry entry)
    {
        entry = default;
        var hint = new SwapEntry(Atomic<TModel>.Load(ref ProcessorHint));
        if (hint.IsNone || !areas.TryPin(hint.Type))
            return false;
        ref SwapAreaRecord area = ref areas[hint.Type];
        ulong offset = hint.Offset < area.Slots ? ScanFromHint(hint.Type, hint.Offset, frame) : 0;
        areas.Unpin(hint.Type);
        entry = offset != 0 ? new SwapEntry(hint.Type, offset) : default;
        return offset != 0;
    }

    private ulong ScanFromHint(uint type, ulong offset, uint frame)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref clusters.Lock(ref area, offset);
        if (!SwapClusters<TModel>.IsUsable(ref cluster, order: 0))
        {
            SwapClusters<TModel>.Unlock(ref cluster);
            return 0;
        }

        uint index = (uint)(offset / areas.ClusterSlots);
        return ScanLocked(type, index, cluster.Used == 0 ? FirstSlot(index) : offset, frame);
    }

    private ulong AllocateIn(uint type, uint frame)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Rotational))
            return AllocateFromLists(type, frame);
        WordLock<TModel>.Acquire(ref area.HintLock);
        ulong found = area.Hint != 0 ? ScanFromHint(type, area.Hint, frame) : 0;
        if (found == 0)
            found = AllocateFromLists(type, frame);
        WordLock<TModel>.Release(ref area.HintLock);
        return found;
    }

    private ulong AllocateFromLists(uint type, uint frame)
    {
        ulong found = ScanList(type, SwapClusterState.NonFull, 0, frame, all: true);
        if (found == 0)
            found = ScanList(type, SwapClusterState.Free, 0, frame, all: false);
        if (found != 0)
            return found;
        if (areas.IsHalfFull)
            ReclaimFullClusters(type, 1);
        found = ScanList(type, SwapClusterState.Frag, 0, frame, all: false);
        for (uint order = 1; order < SwapClusterLists.Orders && found == 0; order++)
        {
            found = ScanList(type, SwapClusterState.Frag, order, frame, all: true);
            if (found == 0)
                found = ScanList(type, SwapClusterState.NonFull, order, frame, all: true);
        }

        return found;
    }

    private ulong ScanList(uint type, SwapClusterState list, uint order, uint frame, bool all)
    {
        ref SwapAreaRecord area = ref areas[type];
        do
        {
            uint index = clusters.TryIsolate(ref area, list, order);
            if (index == SwapClusters<TModel>.None)
                return 0;
            ulong found = ScanLocked(type, index, FirstSlot(index), frame);
            if (found != 0)
                return found;
        }
        while (all);
        return 0;
    }

    /// <summary>
    /// Takes the first free slot of a locked cluster from an offset on, stores the hint, puts the cluster on its list and unlocks it
    /// (alloc_swap_scan_cluster).
    /// </summary>
    private ulong ScanLocked(uint type, uint index, ulong offset, uint frame)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong end = Math.Min(FirstSlot(index) + areas.ClusterSlots, area.Slots);
        ulong found = 0;
        ulong next = 0;
        if (cluster.Used < areas.ClusterSlots)
            found = FirstTakeable(type, index, offset, end);
        if (found != 0 && !TryTake(type, index, found, frame))
            found = 0;
        if (found != 0 && cluster.Used < areas.ClusterSlots && found + 1 < end)
            next = found + 1;
        clusters.Relocate(ref area, index);
        StoreHint(type, next);
        SwapClusters<TModel>.Unlock(ref cluster);
        return found;
    }

    /// <summary>The first free slot; cache-only slots on the way are reclaimed when swap is more than half full. 0 when none.</summary>
    private ulong FirstTakeable(uint type, uint index, ulong offset, ulong end)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        for (; offset < end; offset++)
        {
            var entry = new SwapEntry(type, offset);
            SwapSlotWord word = map[entry];
            if (word.IsFree)
                return offset;
            if (!word.IsCacheOnly || !areas.IsHalfFull)
                continue;
            SwapClusters<TModel>.Unlock(ref cluster);
            cache.TryReclaim(entry, anyway: true);
            clusters.Lock(ref area, offset);
            if (!SwapClusters<TModel>.IsUsable(ref cluster, order: 0))
                return 0; // others emptied or filled it meanwhile: what was seen of it is worth nothing
            if (cluster.Used == 0)
                return FirstSlot(index);
            if (map[entry].IsFree)
                return offset;
        }

        return 0;
    }

    private bool TryTake(uint type, uint index, ulong offset, uint frame)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            return false;
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        if (cluster.Used == 0)
            cluster.Order = 0;
        var entry = new SwapEntry(type, offset);
        if (frame != 0)
            cache.BindNew(entry, frame);
        else
            map.Reserve(entry);
        cluster.Used++;
        areas.CountAllocated(ref area);
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

    private void StoreHint(uint type, ulong next)
    {
        ref SwapAreaRecord area = ref areas[type];
        if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Rotational))
            area.Hint = next;
        else if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            Atomic<TModel>.Store(ref ProcessorHint, next == 0 ? 0 : new SwapEntry(type, next).Value);
    }

    private ulong FirstSlot(uint index) => (ulong)index * areas.ClusterSlots;
}
