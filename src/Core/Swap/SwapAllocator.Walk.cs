using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>
/// Slots for those who have no folio yet, from cluster after cluster of an area's lists. Where little is free that is what counts: of a hundred slots
/// one, each cluster has five.
/// </content>
/// <remarks>
/// <para>The list lock is held all the time, and slots are counted at the end. Clusters are locked hand over hand: one is let go of only when the
/// next was locked and seen to be in an area that hands out slots, or when all slots are counted. So swapoff, which takes WriteOk away and then goes
/// through the locks of all clusters, comes to one of the walk's clusters before the walk, which ends there, or behind its end: what it finds then is
/// counted.</para>
/// <para>A walk ends before the first cluster that gives nothing, or at a slot that the swap cache alone holds and that may be reclaimed: what is
/// to be done then is for who goes slot by slot.</para>
/// </remarks>
internal sealed partial class SwapAllocator<TModel>
{
    /// <summary>Whether slots may be taken in walks: the area has no order of its own, and swap does not become half full by them.</summary>
    private bool MayWalk(ref SwapAreaRecord area, int slots) =>
        TModel.TakesShortcuts && !SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Rotational) && areas.IsHalfFull == areas.IsHalfFullWith(slots);

    /// <summary>Reserves slots of clusters off the lists that are asked first: NONFULL, then FREE.</summary>
    /// <param name="type">The area; pinned, and its turn.</param>
    /// <param name="alone">Whether the next turns are its own too.</param>
    /// <param name="held">The cluster used up before, as index plus 1: locked, to be put on its list; 0 for none.</param>
    /// <param name="uncounted">Slots of it that are not counted yet.</param>
    /// <param name="entries">The slots.</param>
    /// <param name="done">How many of them there are.</param>
    /// <returns>The cluster that is locked now, as index plus 1; 0 for none.</returns>
    private uint WalkLists(uint type, bool alone, uint held, int uncounted, Span<SwapEntry> entries, ref int done)
    {
        ref SwapAreaRecord area = ref areas[type];
        int before = done;
        var walk = new Walk
        {
            Records = ref areas.FirstCluster(ref area),
            Words = ref areas.FirstWord(ref area),
            Clusters = area.Clusters,
            Whole = areas.ClusterSlots % SlotGroups.Slots == 0 ? area.Slots / areas.ClusterSlots : 0,
            Size = areas.ClusterSlots,
            Type = type,
            Owner = Owner.Current,
            OrCacheOnly = areas.IsHalfFull,
            Alone = alone,
            Goes = true,
            Held = held,
            Done = done,
        };
        WordLock<TModel>.Acquire(ref area.ListLock);
        if (held != 0)
            clusters.MoveListed(ref area, held - 1, SwapClusterState.Full);
        WalkList(SwapClusterState.NonFull, ref area, ref walk, entries);
        if (walk.Goes && walk.Done < entries.Length)
            WalkList(SwapClusterState.Free, ref area, ref walk, entries);
        done = walk.Done;
        uncounted += done - before;
        Count(ref area, ref uncounted);
        if (walk.Held != 0)
            StoreHint(type, walk.Hint, 0);
        WordLock<TModel>.Release(ref area.ListLock);
        return walk.Held;
    }

    /// <summary>A list is followed for no more clusters than the area has, however its links are damaged.</summary>
    private void WalkList(SwapClusterState list, ref SwapAreaRecord area, ref Walk walk, Span<SwapEntry> entries)
    {
        walk.List = list;
        walk.Position = area.Lists[SwapClusterLists.IndexOf(list, 0)].Head;
        for (uint left = walk.Clusters; left != 0 && walk.Goes && walk.Done < entries.Length; left--)
        {
            walk.Taken = walk.First = 0;
            walk.Locked = false;
            if (!TModel.Checked && !TModel.Explored)
                TakeWhole(ref area, ref walk, entries);
            if (walk.First != 0)
                clusters.MoveRun(ref area, list, SwapClusterState.Full, walk.First, walk.Last);
            if (!walk.Goes || walk.Done == entries.Length || walk.Position - 1 >= walk.Clusters)
                return;
            uint position = walk.Position;
            ref SwapClusterRecord cluster = ref walk[position];
            walk.Position = cluster.Next;
            if (!walk.Locked && !WordLock<TModel>.TryAcquire(ref cluster.Lock))
                continue; // as who isolates a cluster: one that somebody works on is passed over
            if (!walk.Locked)
                TakeSome(ref area, position - 1, ref walk, entries);
            Settle(ref area, position, ref walk, entries);
        }
    }

    /// <summary>Takes what a locked cluster has.</summary>
    private void TakeSome(ref SwapAreaRecord area, uint index, ref Walk walk, Span<SwapEntry> entries)
    {
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, index);
        if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk) || cluster.State != walk.List || cluster.Used >= walk.Size)
            return;
        entries = entries.Slice(walk.Done, Math.Min(entries.Length - walk.Done, (int)(walk.Size - cluster.Used)));
        ulong offset = FirstSlot(index);
        ulong end = Math.Min(offset + walk.Size, area.Slots);
        if (!TModel.Checked && !TModel.Explored)
        {
            walk.Taken = (uint)ReserveFree(walk.Type, index, ref offset, end, entries);
            return;
        }

        for (; offset < end && walk.Taken < entries.Length; offset++)
        {
            var entry = new SwapEntry(walk.Type, offset);
            SwapSlotWord word = map[entry];
            if (walk.OrCacheOnly && word.IsCacheOnly)
                break;
            if (!word.IsFree)
                continue;
            map.Reserve(entry);
            entries[(int)walk.Taken++] = entry;
        }

        cluster.Used += walk.Taken;
    }

    /// <summary>Puts a cluster of which slots were taken on its list; it ends the walk unless it was used up.</summary>
    private void Settle(ref SwapAreaRecord area, uint position, ref Walk walk, Span<SwapEntry> entries)
    {
        ref SwapClusterRecord cluster = ref areas.Cluster(ref area, position - 1);
        if (walk.Taken == 0)
        {
            SwapClusters<TModel>.Unlock(ref cluster);
            walk.Goes = false;
            return;
        }

        if (walk.Held != 0)
            SwapClusters<TModel>.Unlock(ref walk[walk.Held]);
        walk.Held = position;
        walk.Done += (int)walk.Taken;
        bool full = cluster.Used == walk.Size;
        ulong next = entries[walk.Done - 1].Offset + 1;
        walk.Hint = !full && next < Math.Min(FirstSlot(position - 1) + walk.Size, area.Slots) ? next : 0;
        walk.Goes = walk.Alone && full;
        cluster.State = full ? SwapClusterState.Full : SwapClusterState.Frag;
        clusters.MoveRun(ref area, walk.List, cluster.State, position, position);
    }

    /// <summary>
    /// Takes all slots of clusters that have no more than are wanted, and leaves these clusters where they are: a run, to be moved as one. One that
    /// has fewer than it should is left locked.
    /// </summary>
    // Not by profile: machines that were half full for long would else have it compiled as code that hardly ever runs.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void TakeWhole(ref SwapAreaRecord area, ref Walk walk, Span<SwapEntry> entries)
    {
        uint position = walk.Position;
        ref SwapEntry into = ref Unsafe.Add(ref MemoryMarshal.GetReference(entries), walk.Done); // safe: as many follow as are still wanted
        uint room = (uint)(entries.Length - walk.Done);
        while (position - 1 < walk.Whole && walk.Goes)
        {
            ref SwapClusterRecord cluster = ref walk[position];
            uint wanted = walk.Size - cluster.Used; // looked at again once the cluster is locked
            uint next = cluster.Next;
            if (wanted - 1 >= room)
                break;
            if (next - 1 < walk.Whole)
                Announce(ref walk, next);
            if (Atomic<TModel>.CompareExchange(ref cluster.Lock, walk.Owner, 0) != 0)
                break;
            if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.WriteOk) || cluster.State != walk.List || walk.Size - cluster.Used != wanted)
            {
                WordLock<TModel>.Release(ref cluster.Lock);
                break;
            }

            uint left = TakeFree(ref walk, ref cluster, position, wanted, ref into);
            cluster.Used = walk.Size - left;
            if (left != 0)
            {
                walk.Taken = wanted - left;
                walk.Locked = true;
                break;
            }

            into = ref Unsafe.Add(ref into, (nint)wanted);
            room -= wanted;
            cluster.State = SwapClusterState.Full;
            if (walk.Held != 0)
                WordLock<TModel>.Release(ref walk[walk.Held].Lock);
            if (walk.First == 0)
                walk.First = position;
            walk.Held = walk.Last = position;
            walk.Hint = 0;
            walk.Goes = walk.Alone;
            position = next;
        }

        walk.Done = entries.Length - (int)room;
        walk.Position = position;
    }

    /// <summary>Takes the free slots of a locked cluster that lies in the area as a whole; returns how many are missing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint TakeFree(ref Walk walk, ref SwapClusterRecord cluster, uint position, uint wanted, ref SwapEntry into)
    {
        ulong start = (ulong)(position - 1) * walk.Size;
        ref ulong words = ref Unsafe.Add(ref walk.Words, (nint)start); // safe: the cluster and its words have storage
        ulong name = new SwapEntry(walk.Type, start).Value;
        for (ulong open = Atomic<Mainline>.Load(ref cluster.Open); open != 0; open &= open - 1)
        {
            uint first = (uint)BitOperations.TrailingZeroCount(open) * SlotGroups.Slots;
            if (first >= walk.Size)
                break;
            Span<ulong> group = MemoryMarshal.CreateSpan(ref Unsafe.Add(ref words, first), SlotGroups.Slots);
            uint free = SwapSlotWord.Free(group);
            if (walk.OrCacheOnly && SwapSlotWord.CacheOnly(group) is not 0 and uint cached)
            {
                open = 0;
                free &= ~cached & (cached - 1);
            }
            else if (free == 0)
            {
                SlotGroups.CloseIfOwned(ref cluster, group, (int)first);
            }

            for (; free != 0; free &= free - 1)
            {
                uint slot = (uint)BitOperations.TrailingZeroCount(free);
                ref ulong word = ref Unsafe.Add(ref MemoryMarshal.GetReference(group), slot);
                Atomic<TModel>.Store(ref word, new SwapSlotWord(word).AsReserved.Value);
                into = new SwapEntry(name + first + slot);
                into = ref Unsafe.Add(ref into, 1);
                if (--wanted == 0)
                    return 0;
            }
        }

        return wanted;
    }

    /// <summary>Asks for the words of a cluster that comes soon, and for the record of the one behind it, so that who waits does so once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Announce(ref Walk walk, uint position)
    {
        ref SwapClusterRecord cluster = ref walk[position];
        Prefetch(ref walk[cluster.Next]);
        ref ulong words = ref Unsafe.Add(ref walk.Words, (nint)((ulong)(position - 1) * walk.Size));
        ulong open = Atomic<Mainline>.Load(ref cluster.Open);
        PrefetchGroup(ref words, ref open);
        PrefetchGroup(ref words, ref open);
        PrefetchGroup(ref words, ref open);
        PrefetchGroup(ref words, ref open);
        PrefetchGroup(ref words, ref open);
        PrefetchGroup(ref words, ref open);
    }

    /// <summary>Asks for the first group of those left; for what lies behind the cluster when none is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchGroup(ref ulong words, ref ulong open)
    {
        Prefetch(ref Unsafe.Add(ref words, BitOperations.TrailingZeroCount(open) * SlotGroups.Slots));
        open &= open - 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Prefetch<T>(ref T record)
    {
        // Safe: a hint that reads nothing and cannot fail; records of an image do not move.
        if (Sse.IsSupported)
            Sse.Prefetch0(Unsafe.AsPointer(ref record));
    }

    /// <summary>Where a walk is.</summary>
    private ref struct Walk
    {
        /// <summary>The clusters of the area, and the words of its slots.</summary>
        internal ref SwapClusterRecord Records;
        internal ref ulong Words;

        internal ulong Owner;

        /// <summary>The slot to try next; 0 when the last cluster was used up.</summary>
        internal ulong Hint;

        internal uint Type;

        /// <summary>Clusters of the area; those of which all slots lie in it; slots of a cluster.</summary>
        internal uint Clusters;
        internal uint Whole;
        internal uint Size;

        /// <summary>The cluster that is next on the list, and the one that is locked: as index plus 1, 0 for none.</summary>
        internal uint Position;
        internal uint Held;

        /// <summary>The run of clusters that were used up and are still on the list.</summary>
        internal uint First;
        internal uint Last;

        /// <summary>Slots of the cluster at hand, and of all.</summary>
        internal uint Taken;
        internal int Done;

        /// <summary>Whether the cluster at hand is locked.</summary>
        internal bool Locked;

        internal SwapClusterState List;
        internal bool OrCacheOnly;
        internal bool Alone;

        /// <summary>Whether the walk goes on to the next cluster.</summary>
        internal bool Goes;

        /// <summary>A cluster by its index plus 1, which the caller has seen to be one of the area.</summary>
        internal readonly ref SwapClusterRecord this[uint position]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => ref Unsafe.Add(ref Records, (nint)(ulong)(position - 1));
        }
    }
}
