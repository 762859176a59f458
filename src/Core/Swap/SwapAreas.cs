using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>The records of the swap areas: finding a slot's word, pins, usage counters, and whose turn it is to be allocated from.</summary>
/// <remarks>
/// An area's record may be read by whoever pinned the area, holds a swap reference to a slot of it, or holds a locked folio bound to
/// such a slot: none of these outlives <see cref="SwapActivation{TModel}.Finish"/>.
/// </remarks>
internal sealed class SwapAreas<TModel>
    where TModel : IModel
{
    /// <summary>Areas that can exist at the same time (MAX_SWAPFILES with every special type configured but one group).</summary>
    internal const uint MaxAreas = 24;

    private readonly MachineImage image;

    internal SwapAreas(MachineImage image)
    {
        this.image = image;
        ClusterSlots = (uint)image.Options.SwapClusterSlots;
    }

    /// <summary>Slots per cluster.</summary>
    internal uint ClusterSlots { get; }

    internal MachineImage Image => image;

    /// <summary>Who wants to know of slots that are written and freed; null on a machine whose pages have no metadata.</summary>
    internal ISlotTagEvents? TagEvents { get; set; }

    internal ref SwapStateRecord State => ref image.Record<SwapStateRecord>(MetadataRegion.SwapState, 0);

    internal ref SwapAreaRecord this[uint type]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref image.Record<SwapAreaRecord>(MetadataRegion.SwapAreas, type);
    }

    /// <summary>Whether a slot is free in any area.</summary>
    internal bool HasFreeSlot => (long)Atomic<TModel>.Load(ref State.FreeSlots) > 0;

    /// <summary>Whether less than half of all swap is free.</summary>
    internal bool IsHalfFull => IsHalfFullWith(0);

    /// <summary>Whether less than half of all swap is free when so many more slots count as handed out.</summary>
    internal bool IsHalfFullWith(int more) =>
        ((long)Atomic<TModel>.Load(ref State.FreeSlots) - more) * 2 < (long)Atomic<TModel>.Load(ref State.TotalSlots);

    /// <summary>Whether some area hands out slots, and all that do are in memory: what is written to them is there when the call returns.</summary>
    internal bool AreInMemory
    {
        get
        {
            ulong active = Atomic<TModel>.Load(ref State.ActiveAreas);
            ulong seen = 0;
            for (uint type = 0; type < MaxAreas && seen < active; type++)
            {
                SwapAreaFlags flags = Flags(ref this[type]);
                if ((flags & SwapAreaFlags.WriteOk) == 0)
                    continue;
                if ((flags & (SwapAreaFlags.Synchronous | SwapAreaFlags.File)) != SwapAreaFlags.Synchronous)
                    return false;
                seen++;
            }

            return seen != 0;
        }
    }

    /// <summary>The word of a slot, a null reference when no area has it. The caller has stabilised the area.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong Slot(SwapEntry entry)
    {
        if (entry.Type >= MaxAreas)
            return ref Unsafe.NullRef<ulong>();
        ref SwapAreaRecord area = ref this[entry.Type];
        if (entry.Offset >= area.Slots)
            return ref Unsafe.NullRef<ulong>();
        return ref image.SlotWord(area.FirstSlot + entry.Offset);
    }

    /// <summary>The words of slots of one area that follow each other. The caller has stabilised the area, and the slots are its own.</summary>
    internal Span<ulong> SlotWords(ref SwapAreaRecord area, ulong offset, ulong end)
    {
        ref ulong first = ref image.SlotWord(area.FirstSlot + offset);
        image.SlotWord(area.FirstSlot + end - 1);
        return MemoryMarshal.CreateSpan(ref first, (int)(end - offset)); // safe: both ends have storage, and words lie side by side
    }

    /// <summary>Position of a slot among those of all areas.</summary>
    internal ulong Index(SwapEntry entry) => this[entry.Type].FirstSlot + entry.Offset;

    /// <summary>A cluster of an area.</summary>
    internal ref SwapClusterRecord Cluster(ref SwapAreaRecord area, uint index) =>
        ref image.Record<SwapClusterRecord>(MetadataRegion.SwapClusters, area.FirstCluster + index);

    /// <summary>The clusters of an area; they lie side by side.</summary>
    internal SwapClusterTable Clusters(ref SwapAreaRecord area)
    {
        ref SwapClusterRecord last = ref Cluster(ref area, area.Clusters - 1); // safe below: the last one has storage, so have those before it
        return new SwapClusterTable(ref Unsafe.Subtract(ref last, (nint)(ulong)(area.Clusters - 1)), area.Clusters);
    }

    /// <summary>The word of the first slot of an area; the others lie behind it. The caller has stabilised the area.</summary>
    internal ref ulong FirstWord(ref SwapAreaRecord area)
    {
        ref ulong last = ref image.SlotWord((ulong)area.FirstSlot + area.Slots - 1);
        return ref Unsafe.Subtract(ref last, (nint)(ulong)(area.Slots - 1)); // safe: the last one has storage, so have those before it
    }

    internal static bool Has(ref SwapAreaRecord area, SwapAreaFlags flags) =>
        (Flags(ref area) & flags) == flags;

    internal static SwapAreaFlags Flags(ref SwapAreaRecord area) => (SwapAreaFlags)Atomic<TModel>.Load(ref area.Flags);

    internal static ulong InUse(ref SwapAreaRecord area) => Atomic<TModel>.Load(ref area.InUse);

    // ---- pins

    /// <summary>Keeps the area from being forgotten; fails once <see cref="Kill"/> was called.</summary>
    internal bool TryPin(uint type)
    {
        if (type >= MaxAreas)
            return false;
        ref ulong users = ref this[type].Users;
        ulong seen = Atomic<TModel>.Load(ref users);
        while ((seen & SwapAreaRecord.Live) != 0)
        {
            ulong was = Atomic<TModel>.CompareExchange(ref users, seen + 1, seen);
            if (was == seen)
                return true;
            seen = was;
        }

        return false;
    }

    internal void Unpin(uint type) => Atomic<TModel>.Add(ref this[type].Users, -1);

    /// <summary>Lets nobody pin the area any more and waits for those who have (percpu_ref_kill and the wait for its completion).</summary>
    internal void Kill(uint type)
    {
        ref ulong users = ref this[type].Users;
        Atomic<TModel>.And(ref users, ~SwapAreaRecord.Live);
        TModel.WaitUntil(ref users, ulong.MaxValue, 0);
    }

    // ---- usage

    /// <summary>Counts slots handed out; returns whether the last one of the area was among them. Their cluster is locked.</summary>
    internal bool CountAllocated(ref SwapAreaRecord area, int slots = 1)
    {
        bool full = Atomic<TModel>.Add(ref area.InUse, slots) == area.Usable;
        if (full)
            RefreshListed(ref area);
        Atomic<TModel>.Add(ref State.FreeSlots, -slots);
        return full;
    }

    /// <summary>Counts a slot freed. The slot's cluster is locked.</summary>
    internal void CountFreed(ref SwapAreaRecord area)
    {
        Atomic<TModel>.Add(ref State.FreeSlots, 1);
        if (Atomic<TModel>.Add(ref area.InUse, -1) + 1 == area.Usable)
            RefreshListed(ref area);
    }

    /// <summary>
    /// Puts the area on the list of areas with free slots or takes it off, whatever is right now. Each of two racing edges (the last slot
    /// taken, one freed) comes here after its change of the counter, so the later call sees both.
    /// </summary>
    private void RefreshListed(ref SwapAreaRecord area)
    {
        ref ulong available = ref State.AvailableLock;
        WordLock<TModel>.Acquire(ref available);
        SetListed(ref area, Has(ref area, SwapAreaFlags.WriteOk) && InUse(ref area) < area.Usable);
        WordLock<TModel>.Release(ref available);
    }

    /// <summary>Lists the area behind those of its priority, or takes it off the list; the availability lock is held.</summary>
    private void SetListed(ref SwapAreaRecord area, bool listed)
    {
        if (Has(ref area, SwapAreaFlags.Listed) == listed)
            return;
        if (listed)
        {
            area.Turn = ++State.Turns;
            Atomic<TModel>.Or(ref area.Flags, (ulong)SwapAreaFlags.Listed);
        }
        else
        {
            Atomic<TModel>.And(ref area.Flags, ~(ulong)SwapAreaFlags.Listed);
        }
    }

    /// <summary>
    /// If no area hands out slots, keeps it so until <see cref="EndInactive"/>: an area that is being enabled waits for the availability lock.
    /// </summary>
    internal bool TryBeginInactive()
    {
        WordLock<TModel>.Acquire(ref State.AvailableLock);
        if (Atomic<TModel>.Load(ref State.ActiveAreas) == 0)
            return true;
        WordLock<TModel>.Release(ref State.AvailableLock);
        return false;
    }

    /// <summary>Ends <see cref="TryBeginInactive"/>.</summary>
    internal void EndInactive() => WordLock<TModel>.Release(ref State.AvailableLock);

    // ---- whose turn it is

    /// <summary>
    /// The area to allocate from: the listed one of highest priority, the longest waiting of those, not among <paramref name="tried"/>. It goes
    /// behind the others of its priority, so that equal areas take turns cluster by cluster. <see cref="MaxAreas"/> when none is left.
    /// </summary>
    internal uint TakeTurn(ref uint tried) => TakeTurn(ref tried, out _);

    /// <inheritdoc cref="TakeTurn(ref uint)"/>
    /// <param name="tried">The areas that were asked already.</param>
    /// <param name="alone">Whether no other area of its priority is listed, so that the next turn is its own again.</param>
    internal uint TakeTurn(ref uint tried, out bool alone)
    {
        alone = true;
        ref ulong available = ref State.AvailableLock;
        WordLock<TModel>.Acquire(ref available);
        uint best = MaxAreas;
        for (uint type = 0; type < MaxAreas; type++)
        {
            if ((tried & (1U << (int)type)) != 0 || !Has(ref this[type], SwapAreaFlags.Listed))
                continue;
            if (best != MaxAreas && this[type].Priority >= this[best].Priority)
                alone = this[type].Priority > this[best].Priority;
            if (best == MaxAreas || IsBefore(type, best))
                best = type;
        }

        if (best != MaxAreas)
        {
            tried |= 1U << (int)best;
            this[best].Turn = ++State.Turns;
        }

        WordLock<TModel>.Release(ref available);
        return best;
    }

    /// <summary>
    /// Gives an area the next turn if that is its own, and those after it too: no other one of its priority is listed. The number of the turn does
    /// not matter then, as an area that is listed later gets a larger one.
    /// </summary>
    internal bool TryTakeTurn(uint type)
    {
        ref SwapStateRecord state = ref State;
        ref SwapAreaRecord area = ref this[type];
        if (Atomic<TModel>.Load(ref state.ActiveAreas) == 1)
            return Has(ref area, SwapAreaFlags.Listed);
        WordLock<TModel>.Acquire(ref state.AvailableLock);
        bool first = Has(ref area, SwapAreaFlags.Listed);
        for (uint other = 0; other < MaxAreas && first; other++)
            first = other == type || !Has(ref this[other], SwapAreaFlags.Listed) || this[other].Priority < area.Priority;
        WordLock<TModel>.Release(ref state.AvailableLock);
        return first;
    }

    /// <summary>Lets the area hand out slots, at the given priority; null or negative: below every other one.</summary>
    internal void Enable(ref SwapAreaRecord area, int? priority)
    {
        ref SwapStateRecord state = ref State;
        WordLock<TModel>.Acquire(ref state.AvailableLock);
        area.Priority = priority is >= 0 ? priority.Value : -1 - (int)++state.AutomaticPriorities;
        Atomic<TModel>.Or(ref area.Flags, (ulong)SwapAreaFlags.WriteOk);
        Atomic<TModel>.Add(ref state.TotalSlots, area.Usable);
        Atomic<TModel>.Add(ref state.FreeSlots, area.Usable);
        Atomic<TModel>.Add(ref state.ActiveAreas, 1);
        SetListed(ref area, InUse(ref area) < area.Usable);
        WordLock<TModel>.Release(ref state.AvailableLock);
    }

    /// <summary>
    /// Stops the area from handing out slots; false when it did not. Priorities given by the machine close up behind it, as in the kernel's
    /// swapoff. Allocators that looked earlier are still to be waited for.
    /// </summary>
    internal bool Disable(ref SwapAreaRecord area)
    {
        ref SwapStateRecord state = ref State;
        WordLock<TModel>.Acquire(ref state.AvailableLock);
        bool active = Has(ref area, SwapAreaFlags.WriteOk);
        if (active)
        {
            SetListed(ref area, listed: false);
            Atomic<TModel>.And(ref area.Flags, ~(ulong)SwapAreaFlags.WriteOk);
            Atomic<TModel>.Add(ref state.TotalSlots, -(long)area.Usable);
            Atomic<TModel>.Add(ref state.FreeSlots, -(long)area.Usable);
            Atomic<TModel>.Add(ref state.ActiveAreas, -1);
            if (area.Priority < 0)
                CloseUp(area.Priority);
        }

        WordLock<TModel>.Release(ref state.AvailableLock);
        return active;
    }

    private void CloseUp(int priority)
    {
        State.AutomaticPriorities--;
        for (uint type = 0; type < MaxAreas; type++)
        {
            ref SwapAreaRecord other = ref this[type];
            if (Has(ref other, SwapAreaFlags.WriteOk) && other.Priority < priority)
                other.Priority++;
        }
    }

    private bool IsBefore(uint left, uint right)
    {
        ref SwapAreaRecord a = ref this[left];
        ref SwapAreaRecord b = ref this[right];
        return a.Priority != b.Priority ? a.Priority > b.Priority : a.Turn < b.Turn;
    }
}
