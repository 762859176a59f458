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
        return fetched is { IsHeldByCountOnly: true, Count: 1 } && TryChange(ref slot, ref fetched, fetched.AsPinned.WithOneLess);
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
            ulong cluster = entries[0].Offset / areas.ClusterSlots;
            int count = 1;
            while (count < entries.Length && entries[count].Offset / areas.ClusterSlots == cluster)
                count++;
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

    private void AssertOwn(string what, SwapEntry entry)
    {
        if (TModel.Checked && this[entry] is var word && !IsPinnersAlone(word))
            Refuse(what, entry, word);
    }

    private static bool IsPinnersAlone(SwapSlotWord word) => word.IsPinned && word.Count == 0 && word.Tag == SwapSlotTag.InUse;
}
