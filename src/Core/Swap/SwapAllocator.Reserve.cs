using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>Slots for those who have no folio yet, many at once.</content>
internal sealed partial class SwapAllocator<TModel>
{
    /// <summary>So many slots at most are taken within one hold of a lock.</summary>
    private const int MostAtOnce = 64;

    /// <summary>
    /// Reserves slots without folios, the same ones in the same order as one call for each would, but pins the area and locks a cluster once for all
    /// that come from it, and goes from cluster to cluster within one hold of the lists (<see cref="WalkLists"/>).
    /// </summary>
    /// <returns>How many there were.</returns>
    internal int TryReserveMany(Span<SwapEntry> entries)
    {
        int done = 0;
        while (done < entries.Length)
        {
            Span<SwapEntry> rest = entries.Slice(done, Math.Min(MostAtOnce, entries.Length - done));
            int more = ReserveFromHint(rest);
            if (more == 0)
                more = ReserveInTurn(rest); // the hint is used up; this leaves a new one
            if (more == 0)
                return done;
            done += more;
        }

        return done;
    }

    private int ReserveFromHint(Span<SwapEntry> entries)
    {
        var hint = new SwapEntry(Atomic<TModel>.Load(ref ProcessorHint(0)));
        if (hint.IsNone || !areas.TryPin(hint.Type))
            return 0;
        int done = 0;
        ref SwapAreaRecord area = ref areas[hint.Type];
        if (hint.Offset < area.Slots)
        {
            ref SwapClusterRecord cluster = ref clusters.Lock(ref area, hint.Offset);
            uint held = (uint)(hint.Offset / areas.ClusterSlots) + 1;
            if (SwapClusters<TModel>.IsUsable(ref cluster, 0))
                held = ReserveLocked(hint, entries, ref done);
            Unlock(ref area, held);
        }

        areas.Unpin(hint.Type);
        return done;
    }

    /// <summary>Asks the areas by priority, as for one slot; the one whose turn it is may give many.</summary>
    private int ReserveInTurn(Span<SwapEntry> entries)
    {
        uint tried = 0;
        while (true)
        {
            bool first = tried == 0;
            uint type = areas.TakeTurn(ref tried, out bool alone);
            if (type == SwapAreas<TModel>.MaxAreas)
                return 0;
            if (!areas.TryPin(type))
                continue;
            int done = 0;
            if (MayWalk(ref areas[type], entries.Length))
                Unlock(ref areas[type], WalkLists(type, first && alone, held: 0, uncounted: 0, entries, ref done));
            if (done == 0 && AllocateIn(type, frame: 0, order: 0) is not 0 and ulong offset)
                entries[done++] = new SwapEntry(type, offset);
            areas.Unpin(type);
            if (done != 0)
                return done;
        }
    }

    private void Unlock(ref SwapAreaRecord area, uint position)
    {
        if (position != 0)
            SwapClusters<TModel>.Unlock(ref areas.Cluster(ref area, position - 1));
    }

    /// <returns>The cluster that is locked now, as index plus 1: that of the hint, or the last one of those that came after it.</returns>
    private uint ReserveLocked(SwapEntry hint, Span<SwapEntry> entries, ref int done)
    {
        ref SwapAreaRecord area = ref areas[hint.Type];
        uint index = (uint)(hint.Offset / areas.ClusterSlots);
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong end = Math.Min(FirstSlot(index) + areas.ClusterSlots, area.Slots);
        ulong offset = cluster.Used == 0 ? FirstSlot(index) : hint.Offset;
        int uncounted = 0;
        if (!TModel.Checked && !TModel.Explored && areas.IsHalfFull == areas.IsHalfFullWith(entries.Length)
            && SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            done = uncounted = ReserveFree(hint.Type, index, ref offset, end, entries);
        while (done < entries.Length && offset < end && cluster.Used < areas.ClusterSlots)
        {
            if (areas.IsHalfFullWith(uncounted))
                Count(ref area, ref uncounted); // the search asks for more from here on, or lets go of the cluster
            ulong found = FirstTakeable(hint.Type, index, offset, end, 0);
            if (found == 0 || !SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            {
                offset = end;
                break;
            }

            if (cluster.Used == 0)
                cluster.Order = 0;
            entries[done] = new SwapEntry(hint.Type, found);
            map.Reserve(entries[done++]);
            cluster.Used++;
            uncounted++;
            offset = found + 1;
        }

        bool usedUp = done != 0 && done < entries.Length && cluster.Used == areas.ClusterSlots;
        if (usedUp && MayWalk(ref area, uncounted + entries.Length - done) && areas.TryTakeTurn(hint.Type))
            return WalkLists(hint.Type, alone: true, index + 1, uncounted, entries, ref done);
        Count(ref area, ref uncounted);
        clusters.Relocate(ref area, index);
        StoreHint(hint.Type, cluster.Used < areas.ClusterSlots && offset < end ? offset : 0, 0);
        return index + 1;
    }

    /// <summary>
    /// Reserves the free slots of a locked cluster from an offset on, group by group, up to one that the swap cache alone holds where such are
    /// reclaimed: what comes then is looked at slot by slot. Free slots change under the cluster's lock alone, so a store is enough.
    /// </summary>
    private int ReserveFree(uint type, uint index, ref ulong offset, ulong end, Span<SwapEntry> entries)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong start = FirstSlot(index);
        Span<ulong> words = areas.SlotWords(ref area, start, end);
        bool orCacheOnly = areas.IsHalfFull;
        int at = (int)(offset - start);
        int done = 0;
        for (ulong open = SlotGroups.From(ref cluster, at); done < entries.Length; open &= open - 1)
        {
            int first = BitOperations.TrailingZeroCount(open) * SlotGroups.Slots; // 512 when there is none
            if (first >= words.Length)
            {
                at = words.Length;
                break;
            }

            Span<ulong> group = SlotGroups.Of(words, first);
            uint later = uint.MaxValue << Math.Max(at - first, 0);
            uint free = SwapSlotWord.Free(group) & later;
            uint cached = orCacheOnly ? SwapSlotWord.CacheOnly(group) & later : 0;
            if (free == 0 && cached == 0)
                SlotGroups.CloseIfOwned(ref cluster, group, first);
            for (free &= ~cached & (cached - 1); free != 0 && done < entries.Length; free &= free - 1)
            {
                int slot = BitOperations.TrailingZeroCount(free);
                Atomic<TModel>.Store(ref group[slot], new SwapSlotWord(group[slot]).AsReserved.Value);
                at = first + slot + 1;
                entries[done++] = new SwapEntry(type, start + (ulong)at - 1);
            }

            if (cached != 0)
                break;
        }

        cluster.Order = cluster.Used == 0 && done != 0 ? 0 : cluster.Order;
        cluster.Used += (uint)done;
        offset = start + (ulong)at;
        return done;
    }

    private void Count(ref SwapAreaRecord area, ref int slots)
    {
        if (slots != 0)
            areas.CountAllocated(ref area, slots);
        slots = 0;
    }
}
