using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>
/// Checks what must hold of the swap floor by itself when nothing is under way: slot words, cache bindings, counts, clusters and their lists,
/// areas and totals. What links it to page tables is not its business.
/// </summary>
public sealed class SwapVerifier<TModel>
    where TModel : IModel
{
    private readonly SwapSpace<TModel> swap;
    private readonly SwapAreas<TModel> areas;
    private readonly Folios<TModel> folios;
    private readonly List<string> found = [];
    private readonly Dictionary<ulong, ulong> overflowed = [];

    /// <summary>Makes a checker of one machine.</summary>
    public SwapVerifier(SwapSpace<TModel> swap, Folios<TModel> folios)
    {
        ArgumentNullException.ThrowIfNull(swap);
        ArgumentNullException.ThrowIfNull(folios);
        this.swap = swap;
        this.folios = folios;
        areas = swap.Areas;
    }

    /// <summary>Every violation, as a sentence that names the record; nothing when all is well.</summary>
    public IEnumerable<string> Verify()
    {
        found.Clear();
        CollectOverflows();
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            if (Has(type, SwapAreaFlags.Used))
                VerifyArea(type);
        }

        VerifyTotals();
        VerifyFrames();
        VerifyQueue();
        foreach ((ulong key, ulong count) in overflowed)
            found.Add($"The overflow table holds count {count} for slot {new SwapEntry(key)}, whose word has its count itself.");
        return found;
    }

    private void CollectOverflows()
    {
        overflowed.Clear();
        ulong entries = 0;
        foreach ((ulong key, ulong count) in swap.Overflow.Entries())
        {
            entries++;
            if (!overflowed.TryAdd(key, count))
                found.Add($"The overflow table holds slot {new SwapEntry(key)} twice.");
            if (count <= SwapOverflow<TModel>.Limit)
                found.Add($"The overflow table holds count {count} for slot {new SwapEntry(key)}: that fits the word.");
        }

        if (entries != areas.State.Overflows)
            found.Add($"The overflow table holds {entries} entries but counts {areas.State.Overflows}.");
    }

    private void VerifyArea(uint type)
    {
        ref SwapAreaRecord area = ref areas[type];
        ulong used = 0;
        ulong bad = 0;
        for (uint index = 0; index < area.Clusters; index++)
            VerifyCluster(type, index, ref used, ref bad);
        if (used != area.InUse)
            found.Add($"Area {type} has {used} slots in use but counts {area.InUse}.");
        if (area.Usable != area.Slots - bad)
            found.Add($"Area {type} has {area.Slots} slots, {bad} of them unusable, but counts {area.Usable} usable ones.");
        bool listed = Has(type, SwapAreaFlags.WriteOk) && used < area.Usable;
        if (Has(type, SwapAreaFlags.Listed) != listed)
            found.Add($"Area {type} is {(listed ? "not " : "")}listed as having free slots; it has {area.Usable - used}.");
        if (area.Users != SwapAreaRecord.Live)
            found.Add($"Area {type} has {area.Users & ~SwapAreaRecord.Live} users, or is dead (word {area.Users:x}).");
        if (area.ListLock != 0 || area.HintLock != 0)
            found.Add($"A lock of area {type} is held.");
        VerifyLists(type);
    }

    private void VerifyCluster(uint type, uint index, ref ulong used, ref ulong bad)
    {
        ref SwapAreaRecord area = ref areas[type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        uint held = 0;
        for (uint i = 0; i < areas.ClusterSlots; i++)
        {
            ulong offset = ((ulong)index * areas.ClusterSlots) + i;
            SwapSlotTag tag = offset < area.Slots ? VerifySlot(new SwapEntry(type, offset)) : SwapSlotTag.Bad;
            held += tag == SwapSlotTag.Free ? 0U : 1U;
            used += tag is SwapSlotTag.InUse or SwapSlotTag.Cached ? 1UL : 0;
            bad += offset < area.Slots && tag == SwapSlotTag.Bad ? 1UL : 0;
            if (tag is SwapSlotTag.Free or SwapSlotTag.Cached && (cluster.Open & (1UL << (int)(i / SlotGroups.Slots))) == 0)
                found.Add($"Slot {new SwapEntry(type, offset)} is {tag}, but searches of cluster {index} pass over it.");
        }

        if (held != cluster.Used)
            found.Add($"Cluster {index} of area {type} has {held} slots used or unusable but counts {cluster.Used}.");
        bool fits = cluster.State switch
        {
            SwapClusterState.Free => held == 0,
            SwapClusterState.NonFull => held != 0,
            SwapClusterState.Frag => held != 0 && held != areas.ClusterSlots,
            SwapClusterState.Full => held == areas.ClusterSlots,
            _ => false,
        };
        if (!fits)
            found.Add($"Cluster {index} of area {type} is {cluster.State} with {held} slots used or unusable.");
        if (cluster.Lock != 0)
            found.Add($"The lock of cluster {index} of area {type} is held.");
    }

    private SwapSlotTag VerifySlot(SwapEntry entry)
    {
        SwapSlotWord word = swap.Map[entry];
        bool fits = word.Tag switch
        {
            SwapSlotTag.Free => word == word.AsFree,
            SwapSlotTag.Bad => word == word.AsBad,
            SwapSlotTag.InUse => word.Count != 0 && !word.IsPinned,
            _ => !word.IsPinned,
        };
        if (!fits)
            found.Add($"Slot {entry} must not be {word}.");
        if (word.IsOverflowed && !overflowed.Remove(SwapOverflow<TModel>.Key(entry)))
            found.Add($"Slot {entry} has its count in the overflow table, which has none.");
        if (!word.IsOverflowed && word.Count > SwapOverflow<TModel>.Limit)
            found.Add($"Slot {entry} has count {word.Count} in its word; the limit is {SwapOverflow<TModel>.Limit}.");
        if (word.IsCached)
            VerifyBinding(entry, word.Payload);
        return word.Tag;
    }

    private void VerifyBinding(SwapEntry entry, uint frame)
    {
        if (frame == 0 || !folios.Table.HasStorage(frame))
            found.Add($"Slot {entry} is bound to frame {frame}, which does not exist.");
        else if (!folios.Table.Has(frame, FrameFlags.SwapCache) || folios.Table[frame].Swap != entry.Value)
            found.Add($"Slot {entry} is bound to frame {frame}, whose record says otherwise.");
        else if (folios.Table.References(frame) == 0)
            found.Add($"Slot {entry} is bound to frame {frame}, which has no reference.");
    }

    private void VerifyLists(uint type)
    {
        ref SwapAreaRecord area = ref areas[type];
        uint listed = 0;
        for (uint order = 0; order < SwapClusterLists.Orders; order++)
        {
            if (order == 0)
                listed += VerifyList(type, SwapClusterState.Free, 0) + VerifyList(type, SwapClusterState.Full, 0);
            listed += VerifyList(type, SwapClusterState.NonFull, order) + VerifyList(type, SwapClusterState.Frag, order);
        }

        if (listed != area.Clusters)
            found.Add($"{listed} of the {area.Clusters} clusters of area {type} are on a list.");
    }

    /// <summary>Walks a list; returns its length. A list longer than there are clusters is a ring.</summary>
    private uint VerifyList(uint type, SwapClusterState state, uint order)
    {
        ref SwapAreaRecord area = ref areas[type];
        SwapClusterList list = area.Lists[SwapClusterLists.IndexOf(state, order)];
        uint previous = 0;
        uint length = 0;
        for (uint position = list.Head; position != 0; length++)
        {
            if (position > area.Clusters || length == area.Clusters)
            {
                found.Add($"List {state}[{order}] of area {type} is broken behind cluster {previous - 1}.");
                return length;
            }

            ref SwapClusterRecord cluster = ref areas.Cluster(ref area, position - 1);
            bool ordered = state is SwapClusterState.Free or SwapClusterState.Full || cluster.Order == order;
            if (cluster.State != state || !ordered || cluster.Previous != previous)
                found.Add($"Cluster {position - 1} of area {type}, {cluster.State}[{cluster.Order}], is wrongly on list {state}[{order}].");
            previous = position;
            position = cluster.Next;
        }

        if (list.Tail != previous)
            found.Add($"List {state}[{order}] of area {type} ends at cluster {previous - 1} but names {list.Tail - 1} as its end.");
        return length;
    }

    private void VerifyTotals()
    {
        ref SwapStateRecord state = ref areas.State;
        long total = 0;
        long free = 0;
        ulong active = 0;
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            ref SwapAreaRecord area = ref areas[type];
            long usable = Has(type, SwapAreaFlags.WriteOk) ? area.Usable : 0;
            total += usable;
            free += usable - (long)area.InUse;
            active += Has(type, SwapAreaFlags.WriteOk) ? 1UL : 0;
        }

        if (total != (long)state.TotalSlots || free != (long)state.FreeSlots || active != state.ActiveAreas)
            found.Add($"{active} areas have {total} slots, {free} free; "
                + $"counted are {state.ActiveAreas}, {state.TotalSlots}, {(long)state.FreeSlots}.");
        if ((state.AreasLock | state.AvailableLock | state.OverflowLock | state.QueueLock) != 0)
            found.Add("A lock of the swap floor is held.");
    }

    private void VerifyFrames()
    {
        FrameTable<TModel> frames = folios.Table;
        uint end = frames.CommittedFrames;
        for (uint frame = 1; frame < end; frame++)
        {
            if (!frames.HasStorage(frame) || frames.References(frame) == 0 || !frames.Has(frame, FrameFlags.SwapCache))
                continue;
            var entry = new SwapEntry(frames[frame].Swap);
            SwapSlotWord word = swap.Map[entry];
            if (!word.IsCached || word.Payload != frame)
                found.Add($"Frame {frame} claims slot {entry}, which is {word}.");
        }
    }

    private void VerifyQueue()
    {
        ref SwapStateRecord state = ref areas.State;
        for (uint i = 0; i < state.QueueLength; i++)
        {
            uint frame = state.Queue[(int)((state.QueueHead + i) % SwapStateRecord.QueueCapacity)];
            if (!folios.Table.Has(frame, FrameFlags.Writeback | FrameFlags.SwapCache))
                found.Add($"Frame {frame} waits to be written but has flags {folios.Table.Flags(frame)}.");
        }
    }

    private bool Has(uint type, SwapAreaFlags flags) => SwapAreas<TModel>.Has(ref areas[type], flags);
}
