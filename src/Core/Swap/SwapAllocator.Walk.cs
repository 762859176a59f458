using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>
/// Slots for those who have no folio yet, from cluster after cluster of an area's lists. Where little is free that is what counts: of a hundred slots
/// one, each cluster has five.
/// </content>
/// <remarks>
/// <para>The list lock is held all the time, and slots are counted at the end. Clusters are locked one after the other without waiting, and one is
/// let go of only when a later one was locked and then seen to be in an area that hands out slots, or when all slots are counted. So swapoff, which
/// takes WriteOk away and then goes through the locks of all clusters, comes to one of the walk's clusters before the walk, which ends there, or
/// behind its end: what it finds then is counted.</para>
/// <para>A walk ends before the first cluster that gives nothing, or at a slot that the swap cache alone holds and that may be reclaimed: what is
/// to be done then is for who goes slot by slot.</para>
/// </remarks>
internal sealed partial class SwapAllocator<TModel>
{
    /// <summary>So many groups of a cluster are listed without a branch.</summary>
    private const int Unrolled = 8;

    /// <summary>Whether slots may be taken in walks: the area has no order of its own, and nothing that may be reclaimed is overlooked.</summary>
    private bool MayWalk(in View view, int slots) =>
        TModel.TakesShortcuts && !SwapAreas<TModel>.Has(ref view.Area, SwapAreaFlags.Rotational) && StaysSo(in view, slots);

    /// <summary>Whether swap does not become half full by so many slots, or was it before: a walk then ends at what may be reclaimed.</summary>
    private bool StaysSo(in View view, int slots) => view.OrCacheOnly || !areas.IsHalfFullWith(slots);

    /// <summary>Reserves slots of clusters off the lists that are asked first: NONFULL, then FREE.</summary>
    /// <param name="view">The area; pinned, and its turn.</param>
    /// <param name="alone">Whether the next turns are its own too.</param>
    /// <param name="held">The cluster used up before, as index plus 1: locked, to be put on its list; 0 for none.</param>
    /// <param name="uncounted">Slots of it that are not counted yet.</param>
    /// <param name="entries">The slots.</param>
    /// <param name="done">How many of them there are.</param>
    /// <returns>The cluster that is locked now, as index plus 1; 0 for none.</returns>
    private uint WalkLists(in View view, bool alone, uint held, int uncounted, Span<SwapEntry> entries, ref int done)
    {
        ref SwapAreaRecord area = ref view.Area;
        var walk = new Walk { Alone = alone, Held = held, Done = done };
        WordLock<TModel>.Acquire(ref area.ListLock, view.Owner);
        if (held != 0)
            SwapClusters<TModel>.MoveListed(ref area, view.Clusters, held, SwapClusterState.Full);
        WalkList(SwapClusterState.NonFull, in view, ref walk, entries);
        if (!walk.Ended && walk.Done < entries.Length)
            WalkList(SwapClusterState.Free, in view, ref walk, entries);
        uncounted += walk.Done - done;
        done = walk.Done;
        Count(ref area, ref uncounted);
        if (walk.Held != 0)
            StoreHint(in view, walk.Hint);
        WordLock<TModel>.Release(ref area.ListLock);
        return walk.Held;
    }

    /// <summary>A list is followed for no more clusters than the area has, however its links are damaged.</summary>
    private void WalkList(SwapClusterState list, in View view, ref Walk walk, Span<SwapEntry> entries)
    {
        walk.List = list;
        walk.Position = view.Area.Lists[SwapClusterLists.IndexOf(list, 0)].Head;
        for (uint left = view.Clusters.Count; left != 0 && !walk.Ended && walk.Done < entries.Length; left--)
        {
            walk.First = 0;
            if (!TModel.Checked && !TModel.Explored)
                TakeWhole(in view, ref walk, entries);
            if (walk.First != 0)
                SwapClusters<TModel>.MoveRun(ref view.Area, view.Clusters, list, SwapClusterState.Full, walk.First, walk.Last);
            if (walk.Ended || walk.Done == entries.Length || walk.Position == 0)
                return;
            uint position = walk.Position;
            ref SwapClusterRecord cluster = ref view.Clusters[position];
            walk.Position = cluster.Next;
            if (WordLock<TModel>.TryAcquire(ref cluster.Lock, view.Owner)) // who isolates a cluster passes over those that are locked, too
                Settle(in view, position, TakeSome(in view, position, ref walk, entries), ref walk, entries);
        }
    }

    /// <summary>Takes what a locked cluster has; returns how much that is.</summary>
    private int TakeSome(in View view, uint position, ref Walk walk, Span<SwapEntry> entries)
    {
        ref SwapClusterRecord cluster = ref view.Clusters[position];
        if (!SwapAreas<TModel>.Has(ref view.Area, SwapAreaFlags.WriteOk) || cluster.State != walk.List || cluster.Used >= view.Size)
            return 0;
        entries = entries.Slice(walk.Done, Math.Min(entries.Length - walk.Done, (int)(view.Size - cluster.Used)));
        ulong offset = view.First(position);
        if (!TModel.Checked && !TModel.Explored)
            return ReserveFree(in view, position, ref offset, entries);
        int taken = 0;
        for (; offset < view.End(position) && taken < entries.Length; offset++)
        {
            var entry = new SwapEntry(view.Type, offset);
            SwapSlotWord word = map[entry];
            if (view.OrCacheOnly && word.IsCacheOnly)
                break;
            if (!word.IsFree)
                continue;
            map.Reserve(entry);
            entries[taken++] = entry;
        }

        cluster.Used += (uint)taken;
        return taken;
    }

    /// <summary>Puts a cluster of which slots were taken on its list; it ends the walk unless it was used up.</summary>
    private static void Settle(in View view, uint position, int taken, ref Walk walk, Span<SwapEntry> entries)
    {
        ref SwapClusterRecord cluster = ref view.Clusters[position];
        if (taken == 0)
        {
            SwapClusters<TModel>.Unlock(ref cluster);
            walk.Ended = true;
            return;
        }

        if (walk.Held != 0)
            SwapClusters<TModel>.Unlock(ref view.Clusters[walk.Held]);
        walk.Held = position;
        walk.Done += taken;
        bool full = cluster.Used == view.Size;
        ulong next = entries[walk.Done - 1].Offset + 1;
        walk.Hint = !full && next < view.End(position) ? next : 0;
        walk.Ended = !walk.Alone || !full;
        cluster.State = full ? SwapClusterState.Full : SwapClusterState.Frag;
        SwapClusters<TModel>.MoveRun(ref view.Area, view.Clusters, walk.List, cluster.State, position, position);
    }

    /// <summary>
    /// Takes all slots of clusters that have no more than are wanted, and leaves these clusters where they are: a run, to be moved as one.
    /// </summary>
    /// <remarks>
    /// The clusters are locked first, which asks for their words, and then all their groups are gone through as one list: how many groups a cluster
    /// has cannot be foretold, and a loop for each would end in a branch that the processor guessed wrong.
    /// </remarks>
    // Not by profile: machines that were half full for long would else have it compiled as code that hardly ever runs.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void TakeWhole(in View view, ref Walk walk, Span<SwapEntry> entries)
    {
        Span<uint> groups = stackalloc uint[MostAtOnce + Unrolled];
        Span<SwapEntry> taken = stackalloc SwapEntry[MostAtOnce + SlotGroups.Slots];
        int room = Math.Min(entries.Length - walk.Done, MostAtOnce);
        int count = LockWhole(in view, ref walk, room, ref MemoryMarshal.GetReference(groups), out int wanted);
        if (wanted == 0)
            return;
        int done = TakeGroups(in view, groups[..count], taken, wanted);
        taken[..done].CopyTo(entries[walk.Done..]);
        if (done == wanted)
            CloseWhole(in view, ref walk, done);
        else
            CloseSome(in view, ref walk, entries[..(walk.Done + done)]);
    }

    /// <summary>Locks clusters of which all free slots are wanted and lists their groups, by first slot; returns how many these are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int LockWhole(in View view, ref Walk walk, int room, ref uint groups, out int wanted)
    {
        uint position = walk.Position;
        uint whole = view.Area.Slots / view.Size; // clusters of which all slots lie in the area
        ulong all = ulong.MaxValue >> (64 - (int)(view.Size / SlotGroups.Slots));
        uint left = (uint)room;
        int count = 0;
        while (position - 1 < whole)
        {
            ref SwapClusterRecord cluster = ref view.Clusters[position];
            uint free = view.Size - cluster.Used; // looked at again once the cluster is locked
            uint next = cluster.Next;
            if (free - 1 >= left)
            {
                Announce(in view, ref cluster, position); // who takes some of them comes next, or with the next call
                break;
            }

            if (next - 1 < whole)
                Prefetch.Line(ref view.Clusters.Address(view.Clusters.Address(next).Next));
            if (Atomic<TModel>.CompareExchange(ref cluster.Lock, view.Owner, 0) != 0)
                break;
            ulong open = Atomic<Mainline>.Load(ref cluster.Open) & all;
            uint more = (uint)BitOperations.PopCount(open);
            if (!SwapAreas<TModel>.Has(ref view.Area, SwapAreaFlags.WriteOk) || cluster.State != walk.List || view.Size - cluster.Used != free
                || more > free) // some have nothing: they are closed by who goes through this cluster alone
            {
                WordLock<TModel>.Release(ref cluster.Lock);
                break;
            }

            ListGroups(in view, ref Unsafe.Add(ref groups, count), view.First(position), open);
            count += (int)more;
            left -= free;
            if (walk.First == 0)
                walk.First = position;
            walk.Last = position;
            position = next;
            if (!walk.Alone)
                break;
        }

        walk.Position = position;
        wanted = room - (int)left;
        return count;
    }

    /// <summary>Asks for the words of the first groups of a cluster, or for what lies behind it where it has fewer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Announce(in View view, ref SwapClusterRecord cluster, uint position)
    {
        uint ignored = 0;
        ulong open = Atomic<Mainline>.Load(ref cluster.Open);
        for (int i = 0; i < Unrolled; i++)
            open = ListGroup(in view, ref ignored, view.First(position), open);
    }

    /// <summary>Lists the groups of a cluster, and asks for their words. Few have more than eight: that many are written without looking.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ListGroups(in View view, ref uint groups, uint first, ulong open)
    {
        // Safe: there is room for as many groups as slots are wanted, and for as many as are written without looking behind them.
        open = ListGroup(in view, ref groups, first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 1), first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 2), first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 3), first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 4), first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 5), first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 6), first, open);
        open = ListGroup(in view, ref Unsafe.Add(ref groups, 7), first, open);
        for (int i = Unrolled; open != 0; i++)
            open = ListGroup(in view, ref Unsafe.Add(ref groups, i), first, open);
    }

    /// <summary>Lists the first group of those left; what lies behind the cluster when none is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ListGroup(in View view, ref uint group, uint first, ulong open)
    {
        uint at = first + ((uint)BitOperations.TrailingZeroCount(open) * SlotGroups.Slots);
        group = at;
        Prefetch.Line(ref Unsafe.Add(ref view.Words, at));
        return open & (open - 1);
    }

    /// <summary>
    /// Takes the free slots of groups whose clusters are locked, up to one that the swap cache alone holds where such are reclaimed; returns how
    /// many.
    /// </summary>
    private static int TakeGroups(in View view, scoped Span<uint> groups, scoped Span<SwapEntry> taken, int wanted)
    {
        ulong name = new SwapEntry(view.Type, 0).Value;
        int done = 0;
        for (int i = 0; ; i++)
        {
            i += SlotGroups.ReserveEach<TModel>(ref view.Words, groups[i..], name, taken[done..], view.OrCacheOnly, wanted, ref done);
            if (i == groups.Length)
                return done;
            uint first = groups[i];
            // Safe: a whole group of the area.
            Span<ulong> group = MemoryMarshal.CreateSpan(ref Unsafe.Add(ref view.Words, first), SlotGroups.Slots);
            uint free = SwapSlotWord.Free(group);
            uint cached = view.OrCacheOnly ? SwapSlotWord.CacheOnly(group) : 0;
            if (cached == 0 && free == 0)
                SlotGroups.CloseIfOwned(ref view.Clusters[(first / view.Size) + 1], group, (int)(first % view.Size));
            free &= ~cached & (cached - 1);
            done += SlotGroups.Reserve<TModel>(group, free, name + first, ref taken[done], taken.Length - done, wanted - done);
            if (cached != 0)
                return done;
        }
    }

    /// <summary>Ends the taking of clusters that were all used up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CloseWhole(in View view, ref Walk walk, int done)
    {
        walk.Done += done;
        uint held = walk.Held;
        for (uint position = walk.First; ; position = view.Clusters[position].Next)
        {
            ref SwapClusterRecord cluster = ref view.Clusters[position];
            cluster.Used = view.Size;
            cluster.State = SwapClusterState.Full;
            if (held != 0)
                WordLock<TModel>.Release(ref view.Clusters[held].Lock);
            held = position;
            if (position == walk.Last)
                break;
        }

        walk.Held = held;
        walk.Hint = 0;
        walk.Ended = !walk.Alone;
    }

    /// <summary>
    /// Ends the taking of clusters that had fewer slots than it seemed: one of them is held by the swap cache alone, or the image is damaged.
    /// </summary>
    /// <param name="view">The area.</param>
    /// <param name="walk">The walk; it ends here.</param>
    /// <param name="entries">The slots, those taken last included.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void CloseSome(in View view, ref Walk walk, Span<SwapEntry> entries)
    {
        uint last = walk.Last;
        uint next = walk.First;
        walk.First = 0; // they are moved one by one
        uint position;
        do
        {
            position = next;
            next = view.Clusters[position].Next;
            int taken = 0;
            while (walk.Done + taken < entries.Length && entries[walk.Done + taken].Offset / view.Size == position - 1)
                taken++;
            view.Clusters[position].Used = Math.Min(view.Clusters[position].Used + (uint)taken, view.Size);
            Settle(in view, position, taken, ref walk, entries);
        }
        while (position != last);
        walk.Ended = true;
    }

    /// <summary>An area as those see it who take many slots from it: looked up once.</summary>
    private readonly ref struct View
    {
        internal readonly ref SwapAreaRecord Area;
        internal readonly SwapClusterTable Clusters;

        /// <summary>The words of its slots.</summary>
        internal readonly ref ulong Words;

        /// <summary>The hint of the processor.</summary>
        internal readonly ref ulong Hint;

        /// <summary>Who takes locks.</summary>
        internal readonly ulong Owner;

        internal readonly uint Type;

        /// <summary>Slots of a cluster.</summary>
        internal readonly uint Size;

        /// <summary>Whether slots that the swap cache alone holds are reclaimed.</summary>
        internal readonly bool OrCacheOnly;

        internal View(SwapAreas<TModel> areas, uint type, ulong owner, ref ulong hint)
        {
            Area = ref areas[type];
            Clusters = areas.Clusters(ref Area);
            Words = ref areas.FirstWord(ref Area);
            Hint = ref hint;
            Owner = owner;
            Type = type;
            Size = areas.ClusterSlots;
            OrCacheOnly = areas.IsHalfFull;
        }

        /// <summary>First slot of a cluster, by index plus 1, and the one behind its last.</summary>
        internal readonly uint First(uint position) => (position - 1) * Size;

        /// <inheritdoc cref="First"/>
        internal readonly uint End(uint position) => Math.Min(First(position) + Size, Area.Slots);
    }

    /// <summary>Where a walk is. Clusters are named by their index plus 1, with 0 for none.</summary>
    private ref struct Walk
    {
        /// <summary>Whether the next turn is the area's too.</summary>
        internal required bool Alone;

        /// <summary>The cluster that is locked: the last one of which slots were taken.</summary>
        internal required uint Held;

        /// <summary>Slots so far.</summary>
        internal required int Done;

        /// <summary>The list, and the cluster that is next on it.</summary>
        internal SwapClusterState List;
        internal uint Position;

        /// <summary>The run of clusters that were used up and are still on the list.</summary>
        internal uint First;
        internal uint Last;

        /// <summary>The slot to try next; 0 when the last cluster was used up.</summary>
        internal ulong Hint;

        /// <summary>Whether the walk is over.</summary>
        internal bool Ended;
    }
}
