using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>
/// The swap map: every change of a slot word. A word changes in these ways only; anything else throws in checked models.
/// <code>
///  A   allocate      free                    cached(f), count 0, next generation      f locked, in no cache
///  A'  reserve       free                    in use, pinned, count 0, next generation legacy slot caches; bound later (B)
///  B   bind pinned   pinned                  cached(f), no pin, same count            who pinned; f locked, fresh
///  D   duplicate     cached(f), count 0      count 1                                  f locked
///  D+  duplicate     count 1 or more         one more                                 caller protects one reference, or f locked
///  P   put           count 1 or more         one less; free if in use, unpinned and 0 caller owns that reference
///  C   add to cache  in use, 1+, no pin      cached(f), same count                    f locked, fresh
///  R   remove        cached(f)               in use, shadow; free if count 0          f locked, not under writeback
///  X   replace       cached(old)             cached(new), same count                  both locked
///  L+  pin           in use, 1+, no pin      pinned                                   direct swap-in, before the read
///  L-  unpin         pinned                  not pinned; free if count 0              who pinned, after the page-table lock
///  E   evict, take   pinned, count 0         in use, count 1, shadow, zero mark       who reserved; no entry names it yet
///  F   fetch         in use, 1, no pin       pinned, count 0                          L+ and P at once: who owns the reference
///  F-  put back      pinned, count 0         in use, count 1                          who fetched, and could not read
///  Z   mark zero     cached(f)               zero mark set or cleared                 f locked, being written
/// </code>
/// </summary>
/// <remarks>
/// <para>Changes are compare-exchanges of one word, so no lock is needed while a slot is in use. A pinned slot without references is its
/// pinner's alone, so E, F- and its being freed are stores. Between free and used a slot changes under its cluster's lock alone: in that
/// section the device drops the content and the cluster is counted, so that nobody has the slot again before.</para>
/// <para>The caller has stabilised the area: a pin, a swap reference to the slot under its page-table lock, or the locked folio
/// bound to it.</para>
/// </remarks>
public sealed partial class SwapMap<TModel>
    where TModel : IModel
{
    private readonly SlotFinder<TModel> slots;
    private readonly SwapAreas<TModel> areas;
    private readonly SwapClusters<TModel> clusters;
    private readonly SwapOverflow<TModel> overflow;
    private readonly SwapDevices<TModel> devices;
    private readonly FrameTable<TModel> frames;
    private readonly MemoryGroups<TModel> groups;

    internal SwapMap(
        SwapAreas<TModel> areas,
        SwapClusters<TModel> clusters,
        SwapOverflow<TModel> overflow,
        SwapDevices<TModel> devices,
        Folios<TModel> folios)
    {
        if (TModel.SlotCountLimit is 0 or > SwapSlotWord.LargestCount)
            throw new ArgumentException($"SlotCountLimit is {TModel.SlotCountLimit}; a word holds counts from 1 to {SwapSlotWord.LargestCount}.");
        slots = new SlotFinder<TModel>(areas.Image);
        this.areas = areas;
        this.clusters = clusters;
        this.overflow = overflow;
        this.devices = devices;
        frames = folios.Table;
        groups = folios.Groups;
    }

    /// <summary>The word of a slot now; that of a slot nobody has is all zero.</summary>
    public SwapSlotWord this[SwapEntry entry]
    {
        get
        {
            ref ulong slot = ref areas.Slot(entry);
            return Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        }
    }

    /// <summary>Swap references of a slot, exact; 0 of a free or bad one.</summary>
    public uint Count(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        return Unsafe.IsNullRef(ref slot) ? 0 : (uint)overflow.Count(entry, ref slot);
    }

    /// <summary>
    /// D and D+ (__swap_duplicate). NoEntry: no reference and no folio. NoMemory: no room for so large a count. Invalid: no such slot.
    /// </summary>
    public SwapResult TryDuplicate(SwapEntry entry)
    {
        if (TModel.TakesShortcuts && slots.TryFind(entry, out ulong index))
        {
            ref ulong slot = ref slots.Word(index);
            SwapSlotWord seen = Read(ref slot);
            if (seen.Others < SwapOverflow<TModel>.Limit - 1 && TryStep(ref slot, ref seen, seen.WithOneMore, SwapSlotWord.One))
                return SwapResult.Ok;
            return DuplicateUnusual(entry, ref slot, seen);
        }

        return DuplicateUnusual(entry);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private SwapResult DuplicateUnusual(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        return Unsafe.IsNullRef(ref slot) ? SwapResult.Invalid : DuplicateUnusual(entry, ref slot, Read(ref slot));
    }

    /// <summary>Duplicates where another was faster, or the count is 0 or large.</summary>
    /// <param name="entry">The slot.</param>
    /// <param name="slot">Its word.</param>
    /// <param name="seen">
    /// What it was just now. Who has lost to another goes on with what that one left: the line is here, and reading again would give it away first.
    /// </param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private SwapResult DuplicateUnusual(SwapEntry entry, ref ulong slot, SwapSlotWord seen)
    {
        while (true)
        {
            if (!seen.IsUsed || (seen.Count == 0 && !seen.IsCached))
                return SwapResult.NoEntry;
            if (seen.Count == 0)
                frames.AssertLocked(seen.Payload); // from 0 only the bound folio's lock keeps the slot from being freed
            if (seen.Count < SwapOverflow<TModel>.Limit)
            {
                if (TryChange(ref slot, ref seen, seen.WithCount(seen.Count + 1)))
                    return SwapResult.Ok;
            }
            else if (overflow.TryIncrement(entry, ref slot, out SwapResult result))
            {
                return result;
            }
            else
            {
                seen = Read(ref slot);
            }
        }
    }

    /// <summary>P (swap_free). Returns the word after it: free if it was the last reference and nothing else held the slot.</summary>
    public SwapSlotWord Put(SwapEntry entry)
    {
        if (TModel.TakesShortcuts && slots.TryFind(entry, out ulong index))
        {
            ref ulong slot = ref slots.Word(index);
            SwapSlotWord seen = Read(ref slot);
            uint others = seen.Others;
            if (others < SwapSlotWord.LargestCount && (others != 0 || !seen.IsHeldByCountOnly))
            {
                SwapSlotWord next = seen.WithOneLess;
                if (TryStep(ref slot, ref seen, next, -SwapSlotWord.One))
                    return next;
            }

            return PutUnusual(entry, ref slot, seen);
        }

        return PutUnusual(entry);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private SwapSlotWord PutUnusual(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        return Unsafe.IsNullRef(ref slot) ? Refuse("a reference put", entry, default) : PutUnusual(entry, ref slot, Read(ref slot));
    }

    /// <summary>Puts where another was faster, or the reference is the last, or the count is large, or the caller is wrong.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private SwapSlotWord PutUnusual(SwapEntry entry, ref ulong slot, SwapSlotWord seen)
    {
        while (true)
        {
            if (!seen.IsUsed || seen.Count == 0)
                return Refuse("a reference put", entry, seen);
            if (seen.IsOverflowed)
            {
                bool done = overflow.TryDecrement(entry, ref slot);
                seen = Read(ref slot);
                if (done)
                    return seen;
                continue;
            }

            SwapSlotWord next = seen.WithCount(seen.Count - 1);
            bool last = next.Count == 0 && next.IsHeldByCountOnly;
            if (last ? TryFree(entry, ref slot, ref seen) : TryChange(ref slot, ref seen, next))
                return last ? next.AsFree : next;
        }
    }

    /// <summary>L+ (swapcache_prepare of the direct swap-in). Exists: a folio or another pin is there. NoEntry: no reference.</summary>
    public SwapResult TryPin(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        if (Unsafe.IsNullRef(ref slot))
            return SwapResult.Invalid;
        SwapSlotWord seen = Read(ref slot);
        while (true)
        {
            SwapResult result = Claimable(seen);
            if (result != SwapResult.Ok || TryChange(ref slot, ref seen, seen.AsPinned))
                return result;
        }
    }

    /// <summary>Returns when the slot was seen not to be pinned.</summary>
    public void WaitWhilePinned(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        if (!Unsafe.IsNullRef(ref slot))
            TModel.WaitUntil(ref slot, SwapSlotWord.PinBit, 0);
    }

    /// <summary>L- (swapcache_clear). The slot is freed here if it has no reference left.</summary>
    public void Unpin(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        while (true)
        {
            if (!seen.IsPinned || seen.Tag != SwapSlotTag.InUse)
            {
                Refuse("an unpin", entry, seen);
                return;
            }

            if (seen.Count == 0 ? TryFree(entry, ref slot, ref seen) : TryChange(ref slot, ref seen, seen.AsUnpinned))
                return;
        }
    }

    /// <summary>B: binds a frame to a slot that the caller has pinned or reserved, where adding to the cache is two steps.</summary>
    public void BindPinned(SwapEntry entry, uint frame)
    {
        frames.AssertLocked(frame);
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        while (true)
        {
            if (!seen.IsPinned || seen.Tag != SwapSlotTag.InUse)
            {
                Refuse("a binding by the pin's owner", entry, seen);
                return;
            }

            if (TryChange(ref slot, ref seen, seen.AsCached(frame)))
            {
                clusters.SlotBound(entry);
                return;
            }
        }
    }

    /// <summary>X: binds another frame in the place of the one bound (migration).</summary>
    public void Replace(SwapEntry entry, uint frame, uint replacement)
    {
        frames.AssertLocked(frame);
        frames.AssertLocked(replacement);
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        while (IsBoundTo(frame, "a replacement", entry, seen))
        {
            if (TryChange(ref slot, ref seen, seen.AsCached(replacement)))
                return;
        }
    }

    /// <summary>
    /// What the cache and a pin want to know before they claim a slot, from one word: cached, then pinned, then without references.
    /// </summary>
    internal static SwapResult Claimable(SwapSlotWord word)
    {
        if (word.IsCached || word.IsPinned)
            return SwapResult.Exists;
        return word.Count == 0 ? SwapResult.NoEntry : SwapResult.Ok;
    }

    /// <summary>A: puts a free slot to use; its cluster is locked.</summary>
    internal void Allocate(SwapEntry entry, uint frame)
    {
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Read(ref slot);
        if (!seen.IsFree || !TryChange(ref slot, ref seen, seen.AsAllocated(frame)))
            ThrowTaken(entry, seen);
    }

    /// <summary>A': puts a free slot to use without a folio; its cluster is locked.</summary>
    internal void Reserve(SwapEntry entry)
    {
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Read(ref slot);
        if (!seen.IsFree || !TryChange(ref slot, ref seen, seen.AsReserved))
            ThrowTaken(entry, seen);
    }

    /// <summary>C; the shadow of the page that was there before is the caller's now, 0 when there is none.</summary>
    internal SwapResult TryBind(SwapEntry entry, uint frame, out uint shadow)
    {
        shadow = 0;
        ref ulong slot = ref areas.Slot(entry);
        if (Unsafe.IsNullRef(ref slot))
            return SwapResult.Invalid;
        SwapSlotWord seen = Read(ref slot);
        while (true)
        {
            SwapResult result = Claimable(seen);
            shadow = seen.Payload;
            if (result != SwapResult.Ok)
                return result;
            if (TryChange(ref slot, ref seen, seen.AsCached(frame)))
            {
                clusters.SlotBound(entry);
                return SwapResult.Ok;
            }
        }
    }

    /// <summary>R.</summary>
    internal void Unbind(SwapEntry entry, uint frame, uint shadow)
    {
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        while (IsBoundTo(frame, "a removal", entry, seen))
        {
            if (seen.Count == 0 ? TryFree(entry, ref slot, ref seen) : TryChange(ref slot, ref seen, seen.AsUncached(shadow)))
                return;
        }
    }

    /// <summary>Z.</summary>
    internal void MarkZero(SwapEntry entry, uint frame, bool zero)
    {
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        while (IsBoundTo(frame, "a zero mark", entry, seen))
        {
            if (seen.IsZero == zero || TryChange(ref slot, ref seen, seen.WithZero(zero)))
                return;
        }
    }

    private static SwapSlotWord Read(ref ulong slot) => new(Atomic<TModel>.Load(ref slot));

    /// <summary>One attempt; on failure <paramref name="seen"/> is what the word really was.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryChange(ref ulong slot, ref SwapSlotWord seen, SwapSlotWord next)
    {
        ulong was = Atomic<TModel>.CompareExchange(ref slot, next.Value, seen.Value);
        bool done = was == seen.Value;
        seen = new SwapSlotWord(was);
        return done;
    }

    /// <summary>
    /// One attempt to change a count by one. The word before is computed from the word after: the JIT would put it on the stack if it were needed
    /// behind the locked instruction, which waits for every store before it. Afterwards <paramref name="seen"/> is what the word was.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryStep(ref ulong slot, ref SwapSlotWord seen, SwapSlotWord next, long step)
    {
        seen = new SwapSlotWord(Atomic<TModel>.CompareExchange(ref slot, next.Value, seen.Value));
        return unchecked((long)seen.Value + step) == (long)next.Value;
    }

    /// <summary>
    /// Frees a slot: word, device content, counters, list of the cluster, all in one section of the cluster's lock, in the kernel's order
    /// (swap_entries_free).
    /// </summary>
    private bool TryFree(SwapEntry entry, ref ulong slot, ref SwapSlotWord seen)
    {
        ref SwapAreaRecord area = ref areas[entry.Type];
        ref SwapClusterRecord cluster = ref clusters.Lock(ref area, entry.Offset);
        bool done = TryChange(ref slot, ref seen, seen.AsFree);
        if (done)
        {
            NoteFreed(ref area, entry);
            clusters.SlotFreed(ref area, entry.Offset);
        }

        SwapClusters<TModel>.Unlock(ref cluster);
        return done;
    }

    /// <summary>Whether <see cref="NoteFreed"/> has anybody to tell.</summary>
    private bool SomebodyKeepsOfSlots => TModel.Checked || groups.HasOwners || areas.TagEvents is not null;

    /// <summary>Tells those who keep something of a slot that is free now; its cluster is still locked.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // one place that asks them, and the lock is held anyway
    private void NoteFreed(ref SwapAreaRecord area, SwapEntry entry)
    {
        groups.ReleaseSlot(areas.Index(entry)); // as the kernel's swap cgroup: before the slot can have a new owner
        devices.SlotFreed(ref area, entry);
        areas.TagEvents?.SlotFreed(entry);
    }

    private static bool IsBoundTo(uint frame, string what, SwapEntry entry, SwapSlotWord seen)
    {
        if (seen.IsCached && seen.Payload == frame)
            return true;
        Refuse(what, entry, seen);
        return false;
    }

    private static void ThrowTaken(SwapEntry entry, SwapSlotWord seen) =>
        throw new CorruptImageException(nameof(MetadataRegion.SwapSlots), $"slot {entry} was taken without its cluster's lock: it is {seen}");

    /// <summary>
    /// An illegal transition: a broken caller. Checked models throw, others leave the word alone, as the kernel does after its warning.
    /// </summary>
    private static SwapSlotWord Refuse(string what, SwapEntry entry, SwapSlotWord seen)
    {
        if (TModel.Checked)
            throw new InvalidOperationException($"Slot {entry} does not allow {what}: it is {seen}.");
        return seen;
    }
}
