using System.Runtime.InteropServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>Swap counts beyond what a slot word holds (the kernel's count continuations and extend tables).</summary>
/// <remarks>
/// A hash table with linear probing over <see cref="MetadataRegion.SwapOverflow"/>, everything under one lock: a count above the limit is
/// rare. A slot has an entry exactly while the count field of its word says so, and only the holder of the lock moves the field to or from
/// that value; the other fields of the word may change meanwhile, hence the compare-exchange loops.
/// </remarks>
internal sealed class SwapOverflow<TModel>
    where TModel : IModel
{
    private readonly SwapAreas<TModel> areas;
    private readonly MachineImage image;
    private readonly uint capacity;

    internal SwapOverflow(SwapAreas<TModel> areas)
    {
        this.areas = areas;
        image = areas.Image;
        capacity = checked((uint)image.Capacity(MetadataRegion.SwapOverflow));
    }

    /// <summary>Largest count kept in a slot word.</summary>
    internal static uint Limit => TModel.SlotCountLimit;

    /// <summary>One more reference to a slot whose count is at the limit or above; false when it is not any more.</summary>
    internal bool TryIncrement(SwapEntry entry, ref ulong slot, out SwapResult result)
    {
        WordLock<TModel>.Acquire(ref areas.State.OverflowLock);
        try
        {
            return IncrementLocked(Key(entry), ref slot, out result);
        }
        finally
        {
            WordLock<TModel>.Release(ref areas.State.OverflowLock); // a damaged table must not stop everybody else
        }
    }

    /// <summary>One reference less of a slot whose count is above the limit; false when it is not any more.</summary>
    internal bool TryDecrement(SwapEntry entry, ref ulong slot)
    {
        WordLock<TModel>.Acquire(ref areas.State.OverflowLock);
        try
        {
            bool overflowed = new SwapSlotWord(Atomic<TModel>.Load(ref slot)).IsOverflowed;
            if (overflowed)
                DecrementLocked(Key(entry), ref slot);
            return overflowed;
        }
        finally
        {
            WordLock<TModel>.Release(ref areas.State.OverflowLock);
        }
    }

    /// <summary>The exact count of a slot, wherever it is kept.</summary>
    internal ulong Count(SwapEntry entry, ref ulong slot)
    {
        var word = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
        if (!word.IsOverflowed)
            return word.Count;
        WordLock<TModel>.Acquire(ref areas.State.OverflowLock);
        try
        {
            word = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
            return word.IsOverflowed ? Record(Find(Key(entry))).Count : word.Count;
        }
        finally
        {
            WordLock<TModel>.Release(ref areas.State.OverflowLock);
        }
    }

    /// <summary>The entries of the table; at rest only.</summary>
    internal IEnumerable<(ulong Key, ulong Count)> Entries()
    {
        for (uint index = 0; index < capacity; index++)
        {
            (ulong key, ulong count) = Read(index);
            if (key != 0)
                yield return (key, count);
        }
    }

    /// <summary>Key of a slot in the table.</summary>
    internal static ulong Key(SwapEntry entry) => entry.Value;

    private bool IncrementLocked(ulong key, ref ulong slot, out SwapResult result)
    {
        result = SwapResult.Ok;
        while (true)
        {
            var seen = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
            if (seen.IsOverflowed)
            {
                Record(Find(key)).Count++;
                return true;
            }

            if (seen.Count < Limit)
                return false;
            if (!TryInsert(key, seen.Count + 1))
            {
                result = SwapResult.NoMemory;
                return true;
            }

            if (TryChange(ref slot, seen, seen.WithCount(SwapSlotWord.OverflowedCount)))
                return true;
            Remove(Find(key));
        }
    }

    private void DecrementLocked(ulong key, ref ulong slot)
    {
        uint index = Find(key);
        if (--Record(index).Count > Limit)
            return;
        SwapSlotWord seen;
        do
        {
            seen = new SwapSlotWord(Atomic<TModel>.Load(ref slot));
        }
        while (!TryChange(ref slot, seen, seen.WithCount(Limit)));
        Remove(index);
    }

    private static bool TryChange(ref ulong slot, SwapSlotWord from, SwapSlotWord to) =>
        Atomic<TModel>.CompareExchange(ref slot, to.Value, from.Value) == from.Value;

    private bool TryInsert(ulong key, ulong count)
    {
        ref ulong used = ref areas.State.Overflows;
        if (used == capacity)
            return false;
        uint index = Home(key);
        while (Record(index).Key != 0)
            index = Next(index);
        Record(index) = new SwapOverflowRecord { Key = key, Count = count };
        used++;
        return true;
    }

    private uint Find(ulong key)
    {
        uint index = Home(key);
        for (uint probes = 0; probes < capacity; probes++, index = Next(index))
        {
            if (Record(index).Key == key)
                return index;
        }

        throw new CorruptImageException(nameof(MetadataRegion.SwapOverflow), $"no count is stored for the overflowed slot {new SwapEntry(key)}");
    }

    /// <summary>Empties an entry and closes the gap: moves back every follower that would be found no more.</summary>
    private void Remove(uint gap)
    {
        for (uint index = Next(gap); index != gap && Record(index).Key != 0; index = Next(index))
        {
            if (Distance(Home(Record(index).Key), index) < Distance(gap, index))
                continue;
            Record(gap) = Record(index);
            gap = index;
        }

        Record(gap) = default;
        areas.State.Overflows--;
    }

    private uint Distance(uint from, uint to) => to >= from ? to - from : to + capacity - from;

    private uint Next(uint index) => index + 1 == capacity ? 0 : index + 1;

    private uint Home(ulong key) => (uint)(((key * 0x9E3779B97F4A7C15UL) >> 32) % capacity);

    private (ulong Key, ulong Count) Read(uint index) => (Record(index).Key, Record(index).Count);

    private ref SwapOverflowRecord Record(uint index) => ref image.Record<SwapOverflowRecord>(MetadataRegion.SwapOverflow, index);

    [StructLayout(LayoutKind.Sequential, Size = 16)]
    private struct SwapOverflowRecord
    {
        internal ulong Key;
        internal ulong Count;
    }
}
