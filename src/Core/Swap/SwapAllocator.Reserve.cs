using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>Slots for those who have no folio yet, many at once.</content>
internal sealed partial class SwapAllocator<TModel>
{
    /// <summary>
    /// Reserves slots without folios, the same ones in the same order as one call for each would, but pins the area and locks a cluster once for all
    /// that come from it.
    /// </summary>
    /// <returns>How many there were.</returns>
    internal int TryReserveMany(Span<SwapEntry> entries)
    {
        int done = 0;
        while (done < entries.Length)
        {
            int more = ReserveFromHint(entries[done..]);
            if (more == 0)
            {
                // The hint is used up: one as always, which leaves a new hint.
                if (TryAllocate(frame: 0, out entries[done]) != SwapResult.Ok)
                    return done;
                more = 1;
            }

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
            if (SwapClusters<TModel>.IsUsable(ref cluster, 0))
                done = ReserveLocked(hint, entries);
            SwapClusters<TModel>.Unlock(ref cluster);
        }

        areas.Unpin(hint.Type);
        return done;
    }

    private int ReserveLocked(SwapEntry hint, Span<SwapEntry> entries)
    {
        ref SwapAreaRecord area = ref areas[hint.Type];
        uint index = (uint)(hint.Offset / areas.ClusterSlots);
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong end = Math.Min(FirstSlot(index) + areas.ClusterSlots, area.Slots);
        ulong offset = cluster.Used == 0 ? FirstSlot(index) : hint.Offset;
        int done = 0;
        int uncounted = 0;
        if (!TModel.Checked && !TModel.Explored && areas.IsHalfFull == areas.IsHalfFullWith(entries.Length)
            && SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            done = uncounted = ReserveFree(hint.Type, index, ref offset, end, entries);
        while (done < entries.Length && offset < end && cluster.Used < areas.ClusterSlots)
        {
            if (areas.IsHalfFull != areas.IsHalfFullWith(uncounted))
                Count(ref area, ref uncounted); // from here on the search asks for more
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

        Count(ref area, ref uncounted);
        clusters.Relocate(ref area, index);
        StoreHint(hint.Type, cluster.Used < areas.ClusterSlots && offset < end ? offset : 0, 0);
        return done;
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
