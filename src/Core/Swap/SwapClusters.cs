using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>The lists of clusters of an area: taking one off to work on it, and putting it where its state says.</summary>
/// <remarks>
/// All lists are first in, first out. Lock order is cluster, then list; who comes from the list side only tries the cluster's lock and
/// skips a contended cluster, as the kernel does (isolate_lock_cluster). A cluster's state always names the list that it is on.
/// </remarks>
internal sealed class SwapClusters<TModel>
    where TModel : IModel
{
    /// <summary>No cluster.</summary>
    internal const uint None = uint.MaxValue;

    private readonly SwapAreas<TModel> areas;

    internal SwapClusters(SwapAreas<TModel> areas) => this.areas = areas;

    /// <summary>Locks the cluster of a slot.</summary>
    internal ref SwapClusterRecord Lock(ref SwapAreaRecord area, ulong offset)
    {
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, (uint)(offset / areas.ClusterSlots));
        Lock(ref cluster, Owner.Current);
        return ref cluster;
    }

    internal static void Lock(ref SwapClusterRecord cluster, ulong owner) => WordLock<TModel>.Acquire(ref cluster.Lock, owner);

    internal static void Unlock(ref SwapClusterRecord cluster) => WordLock<TModel>.Release(ref cluster.Lock);

    /// <summary>
    /// Whether slots can be taken from a locked cluster by somebody who did not get it from a list: an emptied one is on the free list
    /// and must be taken from there.
    /// </summary>
    internal static bool IsUsable(ref SwapClusterRecord cluster, uint order) =>
        cluster.State is SwapClusterState.None or SwapClusterState.NonFull or SwapClusterState.Frag
        && (order == 0 || cluster.Used == 0 || cluster.Order == order);

    /// <summary>The first cluster of a list whose lock is free, taken off the list and locked; None when there is none.</summary>
    internal uint TryIsolate(ref SwapAreaRecord area, SwapClusterState list, uint order)
    {
        WordLock<TModel>.Acquire(ref area.ListLock);
        uint found = None;
        if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk))
        {
            SwapClusterTable table = areas.Clusters(ref area);
            uint position = area.Lists[SwapClusterLists.IndexOf(list, order)].Head;
            while (position != 0 && !WordLock<TModel>.TryAcquire(ref table[position].Lock))
                position = table[position].Next;
            if (position != 0)
            {
                found = position - 1;
                if (table[position].State != list)
                    ThrowAstray(found, list); // else it could be taken off for ever, from a list that it is not on
                Unlink(ref area, table, position);
            }
        }

        WordLock<TModel>.Release(ref area.ListLock);
        return found;
    }

    /// <summary>Puts a locked cluster where it belongs after an attempt to allocate from it (relocate_cluster).</summary>
    internal void Relocate(ref SwapAreaRecord area, uint index)
    {
        uint used = areas.Cluster(ref area, index).Used;
        if (used == 0)
            MoveTo(ref area, index, SwapClusterState.Free);
        else if (used == areas.ClusterSlots)
            MoveTo(ref area, index, SwapClusterState.Full);
        else
            MoveTo(ref area, index, SwapClusterState.Frag);
    }

    /// <summary>Counts a slot of a locked cluster as freed and puts the cluster where it belongs then.</summary>
    internal void SlotFreed(ref SwapAreaRecord area, ulong offset) => SlotsFreed(ref area, [new SwapEntry(0, offset)]);

    /// <summary>The same of several slots of one cluster.</summary>
    internal void SlotsFreed(ref SwapAreaRecord area, ReadOnlySpan<SwapEntry> slots)
    {
        uint index = (uint)(slots[0].Offset / areas.ClusterSlots);
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        ulong start = (ulong)index * areas.ClusterSlots;
        ulong groups = 0;
        foreach (SwapEntry slot in slots)
            groups |= SlotGroups.Group(slot.Offset - start);
        SlotGroups.OpenGroups(ref cluster, groups);
        cluster.Used -= (uint)slots.Length;
        areas.CountFreed(ref area, slots.Length);
        MoveTo(ref area, index, cluster.Used == 0 ? SwapClusterState.Free : SwapClusterState.NonFull);
    }

    /// <summary>Notes that a slot that was in use is bound to a folio; the caller has stabilised the area, and changed the word before.</summary>
    internal void SlotBound(SwapEntry entry)
    {
        ref SwapAreaRecord area = ref areas[entry.Type];
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, (uint)(entry.Offset / areas.ClusterSlots));
        SlotGroups.Open(ref cluster, entry.Offset % areas.ClusterSlots);
    }

    /// <summary>Puts a cluster that is on no list on its first one: swapon.</summary>
    internal void Append(ref SwapAreaRecord area, uint index, SwapClusterState state) => Append(ref area, areas.Clusters(ref area), index + 1, state);

    private static void Append(ref SwapAreaRecord area, SwapClusterTable table, uint position, SwapClusterState state)
    {
        ref SwapClusterRecord cluster = ref table[position];
        ref SwapClusterList list = ref area.Lists[SwapClusterLists.IndexOf(state, cluster.Order)];
        cluster.State = state;
        cluster.Previous = list.Tail;
        cluster.Next = 0;
        if (list.Tail != 0)
            table[list.Tail].Next = position;
        else
            list.Head = position;
        list.Tail = position;
    }

    /// <summary>Returns when no allocator that saw the area active is still at work (wait_for_allocation).</summary>
    internal void WaitForAllocators(ref SwapAreaRecord area)
    {
        for (uint index = 0; index < area.Clusters; index++)
        {
            ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
            WordLock<TModel>.Acquire(ref cluster.Lock);
            Unlock(ref cluster);
        }
    }

    /// <summary>
    /// Puts clusters that follow each other on one list of order 0, in that order, behind those of another. The caller holds the list lock and has
    /// told each its new state, with its lock held.
    /// </summary>
    /// <param name="area">The area.</param>
    /// <param name="table">Its clusters.</param>
    /// <param name="from">The list they are on.</param>
    /// <param name="to">The list they go to.</param>
    /// <param name="first">Index of the first of them plus 1.</param>
    /// <param name="last">Index of the last of them plus 1.</param>
    internal static void MoveRun(ref SwapAreaRecord area, SwapClusterTable table, SwapClusterState from, SwapClusterState to, uint first, uint last)
    {
        ref SwapClusterRecord head = ref table[first];
        ref SwapClusterRecord tail = ref table[last];
        ref SwapClusterList source = ref area.Lists[SwapClusterLists.IndexOf(from, 0)];
        ref SwapClusterList target = ref area.Lists[SwapClusterLists.IndexOf(to, 0)];
        if (head.Previous != 0)
            table[head.Previous].Next = tail.Next;
        else
            source.Head = tail.Next;
        if (tail.Next != 0)
            table[tail.Next].Previous = head.Previous;
        else
            source.Tail = head.Previous;
        head.Previous = target.Tail;
        tail.Next = 0;
        if (target.Tail != 0)
            table[target.Tail].Next = first;
        else
            target.Head = first;
        target.Tail = last;
    }

    /// <summary>A cluster already in the state stays where it is on the list.</summary>
    private void MoveTo(ref SwapAreaRecord area, uint index, SwapClusterState state)
    {
        SwapClusterTable table = areas.Clusters(ref area);
        if (table[index + 1].State == state)
            return;
        WordLock<TModel>.Acquire(ref area.ListLock);
        MoveListed(ref area, table, index + 1, state);
        WordLock<TModel>.Release(ref area.ListLock);
    }

    /// <summary>Puts a locked cluster, named by its index plus 1, on the list of another state; the caller holds the list lock too.</summary>
    internal static void MoveListed(ref SwapAreaRecord area, SwapClusterTable table, uint position, SwapClusterState state)
    {
        ref SwapClusterRecord cluster = ref table[position];
        if (cluster.State != SwapClusterState.None)
            Unlink(ref area, table, position);
        if (state == SwapClusterState.Free)
            cluster.Order = 0;
        Append(ref area, table, position, state);
    }

    private static void Unlink(ref SwapAreaRecord area, SwapClusterTable table, uint position)
    {
        ref SwapClusterRecord cluster = ref table[position];
        ref SwapClusterList list = ref area.Lists[SwapClusterLists.IndexOf(cluster.State, cluster.Order)];
        if (cluster.Previous != 0)
            table[cluster.Previous].Next = cluster.Next;
        else
            list.Head = cluster.Next;
        if (cluster.Next != 0)
            table[cluster.Next].Previous = cluster.Previous;
        else
            list.Tail = cluster.Previous;
        cluster.Next = cluster.Previous = 0;
        cluster.State = SwapClusterState.None;
    }

    private static void ThrowAstray(uint index, SwapClusterState list) =>
        throw new CorruptImageException(nameof(MetadataRegion.SwapClusters), $"cluster {index} is on list {list}, and its state is another");
}
