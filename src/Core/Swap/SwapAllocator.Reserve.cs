using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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
        ulong owner = Owner.Current;
        ref ulong word = ref areas.State.Hints[(int)((uint)owner % SwapStateRecord.Processors)].Orders[0];
        var hint = new SwapEntry(Atomic<TModel>.Load(ref word));
        if (hint.IsNone || !areas.TryPin(hint.Type))
            return 0;
        int done = 0;
        var view = new View(areas, hint.Type, owner, ref word);
        if (hint.Offset < view.Area.Slots)
        {
            uint held = ((uint)hint.Offset / view.Size) + 1;
            ref SwapClusterRecord cluster = ref view.Clusters[held];
            SwapClusters<TModel>.Lock(ref cluster, view.Owner);
            if (SwapClusters<TModel>.IsUsable(ref cluster, 0))
                held = ReserveLocked(in view, held, hint.Offset, entries, ref done);
            Unlock(in view, held);
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
            var view = new View(areas, type, Owner.Current, ref ProcessorHint(0));
            if (MayWalk(in view, entries.Length))
                Unlock(in view, WalkLists(in view, first && alone, held: 0, uncounted: 0, entries, ref done));
            if (done == 0 && AllocateIn(type, frame: 0, order: 0) is not 0 and ulong offset)
                entries[done++] = new SwapEntry(type, offset);
            areas.Unpin(type);
            if (done != 0)
                return done;
        }
    }

    private static void Unlock(in View view, uint position)
    {
        if (position != 0)
            SwapClusters<TModel>.Unlock(ref view.Clusters[position]);
    }

    /// <param name="view">The area.</param>
    /// <param name="position">The cluster of the hint, as index plus 1; locked.</param>
    /// <param name="offset">The hint.</param>
    /// <param name="entries">The slots.</param>
    /// <param name="done">How many of them there are.</param>
    /// <returns>The cluster that is locked now, as index plus 1: that of the hint, or the last one of those that came after it.</returns>
    private uint ReserveLocked(in View view, uint position, ulong offset, Span<SwapEntry> entries, ref int done)
    {
        ref SwapAreaRecord area = ref view.Area;
        uint index = position - 1;
        ref SwapClusterRecord cluster = ref view.Clusters[position];
        ulong end = view.End(position);
        offset = cluster.Used == 0 ? view.First(position) : offset;
        int uncounted = 0;
        if (!TModel.Checked && !TModel.Explored && StaysSo(in view, entries.Length) && SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            done = uncounted = ReserveFree(in view, position, ref offset, entries);
        while (done < entries.Length && offset < end && cluster.Used < areas.ClusterSlots)
        {
            if (areas.IsHalfFullWith(uncounted))
                Count(ref area, ref uncounted); // the search asks for more from here on, or lets go of the cluster
            ulong found = FirstTakeable(view.Type, index, offset, end, 0);
            if (found == 0 || !SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
            {
                offset = end;
                break;
            }

            if (cluster.Used == 0)
                cluster.Order = 0;
            entries[done] = new SwapEntry(view.Type, found);
            map.Reserve(entries[done++]);
            cluster.Used++;
            uncounted++;
            offset = found + 1;
        }

        bool usedUp = done != 0 && done < entries.Length && cluster.Used == areas.ClusterSlots;
        if (usedUp && MayWalk(in view, uncounted + entries.Length - done) && areas.TryTakeTurn(view.Type))
            return WalkLists(in view, alone: true, position, uncounted, entries, ref done);
        Count(ref area, ref uncounted);
        clusters.Relocate(ref area, index);
        StoreHint(in view, cluster.Used < view.Size && offset < end ? offset : 0);
        return position;
    }

    /// <summary>
    /// Reserves the free slots of a locked cluster from an offset on, group by group, up to one that the swap cache alone holds where such are
    /// reclaimed: what comes then is looked at slot by slot. Free slots change under the cluster's lock alone, so a store is enough.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // large: who calls it would keep its variables on the stack
    private static int ReserveFree(in View view, uint position, ref ulong offset, Span<SwapEntry> entries)
    {
        ref SwapClusterRecord cluster = ref view.Clusters[position];
        ulong start = view.First(position);
        ulong end = view.End(position);
        // Safe: the slots of the cluster that the area has.
        Span<ulong> words = MemoryMarshal.CreateSpan(ref Unsafe.Add(ref view.Words, (nint)start), (int)(end - start));
        bool orCacheOnly = view.OrCacheOnly;
        int at = (int)(offset - start);
        ulong name = new SwapEntry(view.Type, start).Value;
        bool usedUp = false;
        int done = 0;
        for (ulong open = SlotGroups.From(ref cluster, at); done < entries.Length; open &= open - 1)
        {
            int first = BitOperations.TrailingZeroCount(open) * SlotGroups.Slots; // 512 when there is none
            usedUp = first >= words.Length;
            if (usedUp)
                break;

            Span<ulong> group = SlotGroups.Of(words, first);
            uint later = uint.MaxValue << Math.Max(at - first, 0);
            uint free = SwapSlotWord.Free(group) & later;
            uint cached = orCacheOnly ? SwapSlotWord.CacheOnly(group) & later : 0;
            if (free == 0 && cached == 0)
                SlotGroups.CloseIfOwned(ref cluster, group, first);
            free &= ~cached & (cached - 1);
            int room = entries.Length - done;
            done += SlotGroups.Reserve<TModel>(group, free, name + (uint)first, ref entries[done], room, room);
            if (cached != 0)
                break;
        }

        cluster.Order = cluster.Used == 0 && done != 0 ? 0 : cluster.Order;
        cluster.Used += (uint)done;
        if (usedUp)
            offset = end;
        else if (done != 0)
            offset = entries[done - 1].Offset + 1;
        return done;
    }

    private void StoreHint(in View view, ulong next)
    {
        if (SwapAreas<TModel>.Has(ref view.Area, SwapAreaFlags.Rotational))
            StoreHint(view.Type, next, 0);
        else if (SwapAreas<TModel>.Has(ref view.Area, SwapAreaFlags.WriteOk))
            Atomic<TModel>.Store(ref view.Hint, next == 0 ? 0 : new SwapEntry(view.Type, next).Value);
    }

    private void Count(ref SwapAreaRecord area, ref int slots)
    {
        if (slots != 0)
            areas.CountAllocated(ref area, slots);
        slots = 0;
    }
}
