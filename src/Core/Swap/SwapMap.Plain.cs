using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <content>
/// What becomes of slots whose pages come and go without the swap cache, many at once. A pinned slot that has no reference is its pinner's alone:
/// nobody else claims, counts or binds it, so its word is stored and not exchanged.
/// </content>
public sealed partial class SwapMap<TModel>
{
    /// <summary>
    /// E: what a page leaves behind that was written without the swap cache. The word is the caller's alone: nobody claims, counts or binds a pinned
    /// slot that has no reference.
    /// </summary>
    internal void Fill(SwapEntry entry, uint shadow, bool zero)
    {
        ref ulong slot = ref areas.Slot(entry);
        SwapSlotWord seen = Unsafe.IsNullRef(ref slot) ? default : Read(ref slot);
        if (!IsPinnersAlone(seen))
            Refuse("an eviction", entry, seen);
        else
            Atomic<TModel>.Store(ref slot, seen.AsUnpinned.WithZero(zero).WithCount(1).AsUncached(shadow).Value);
    }

    /// <summary>E of slots that somebody takes without a page: they read as zero.</summary>
    internal void Take(ReadOnlySpan<SwapEntry> entries)
    {
        foreach (SwapEntry entry in entries)
        {
            AssertOwn("being taken", entry);
            if (slots.TryFind(entry, out ulong index))
                Atomic<TModel>.Store(ref slots.Word(index), Read(ref slots.Word(index)).AsUnpinned.WithZero(true).WithOneMore.Value);
            else
                Fill(entry, shadow: 0, zero: true);
        }
    }

    /// <summary>
    /// F: the caller's reference, if it is the only one and there is no folio, becomes a pin; false, and nothing changed, if not. The entry that owns
    /// the reference names the slot still, but its table is locked until it does not.
    /// </summary>
    /// <param name="entry">The slot.</param>
    /// <param name="fetched">The word before.</param>
    internal bool TryFetch(SwapEntry entry, out SwapSlotWord fetched)
    {
        fetched = default;
        if (!slots.TryFind(entry, out ulong index))
            return false;
        ref ulong slot = ref slots.Word(index);
        fetched = Read(ref slot);
        return IsHeldByOne(fetched) && TryChange(ref slot, ref fetched, fetched.AsPinned.WithOneLess);
    }

    /// <summary>F-.</summary>
    internal void PutBack(SwapEntry entry, SwapSlotWord fetched)
    {
        AssertOwn("putting back", entry);
        Atomic<TModel>.Store(ref areas.Slot(entry), fetched.Value);
    }

    /// <summary>
    /// L- of slots of one area that were fetched and that no group is charged for. What <see cref="Unpin"/> does to each, but neighbours in a cluster
    /// are freed in one section of its lock.
    /// </summary>
    internal void FreeFetched(ReadOnlySpan<SwapEntry> entries)
    {
        while (!entries.IsEmpty)
        {
            int count = SameCluster(entries);
            FreeTogether(entries[..count]);
            entries = entries[count..];
        }
    }

    private void FreeTogether(ReadOnlySpan<SwapEntry> entries)
    {
        ref SwapAreaRecord area = ref areas[entries[0].Type];
        ref SwapClusterRecord cluster = ref clusters.Lock(ref area, entries[0].Offset);
        foreach (SwapEntry entry in entries)
        {
            AssertOwn("freeing", entry);
            ref ulong slot = ref areas.Slot(entry);
            Atomic<TModel>.Store(ref slot, Read(ref slot).AsFree.Value);
            devices.SlotFreed(ref area, entry);
        }

        clusters.SlotsFreed(ref area, entries);
        SwapClusters<TModel>.Unlock(ref cluster);
    }

    /// <summary>
    /// P of many slots (swap_entries_put_map): neighbours in a cluster whose slots nothing else holds are freed in one section of its lock. Of each
    /// the caller owns a reference.
    /// </summary>
    internal void Put(ReadOnlySpan<SwapEntry> entries)
    {
        while (!entries.IsEmpty)
        {
            int done = IsHeldByOne(this[entries[0]]) ? FreeLast(entries[..SameCluster(entries)]) : 0;
            if (done == 0)
                Put(entries[done++]); // others hold the slot too, or the caller is wrong
            entries = entries[done..];
        }
    }

    /// <summary>Frees slots of one cluster, up to the first that something else holds; returns how many.</summary>
    private int FreeLast(ReadOnlySpan<SwapEntry> entries)
    {
        ref SwapAreaRecord area = ref areas[entries[0].Type];
        ref SwapClusterRecord cluster = ref clusters.Lock(ref area, entries[0].Offset);
        int count = ExchangeLast(entries);
        for (int i = 0; i < count && SomebodyKeepsOfSlots; i++)
            NoteFreed(ref area, entries[i]);
        if (count != 0)
            clusters.SlotsFreed(ref area, entries[..count]);
        SwapClusters<TModel>.Unlock(ref cluster);
        return count;
    }

    // A method for itself: its few variables stay in registers, where a locked instruction would wait for them to be stored.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ExchangeLast(ReadOnlySpan<SwapEntry> entries)
    {
        int count = 0;
        for (; count < entries.Length && slots.TryFind(entries[count], out ulong index); count++)
        {
            SwapSlotWord seen = Read(ref slots.Word(index));
            if (!IsHeldByOne(seen) || !TryChange(ref slots.Word(index), ref seen, seen.AsFree))
                break;
        }

        return count;
    }

    /// <summary>How many of the first entries name slots of one cluster.</summary>
    private int SameCluster(ReadOnlySpan<SwapEntry> entries)
    {
        ulong start = entries[0].Offset - (entries[0].Offset % areas.ClusterSlots);
        int count = 1;
        while (count < entries.Length && entries[count].Type == entries[0].Type && entries[count].Offset - start < areas.ClusterSlots)
            count++;
        return count;
    }

    private static bool IsHeldByOne(SwapSlotWord word) => word is { IsHeldByCountOnly: true, Count: 1 };

    private void AssertOwn(string what, SwapEntry entry)
    {
        if (TModel.Checked && this[entry] is var word && !IsPinnersAlone(word))
            Refuse(what, entry, word);
    }

    private static bool IsPinnersAlone(SwapSlotWord word) => word.IsPinned && word.Count == 0 && word.Tag == SwapSlotTag.InUse;
}
