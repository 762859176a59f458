using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>
/// Runs of entries of one table, whose lock the caller holds. Models that check or are explored see every entry go through
/// <see cref="Atomic{TModel}"/>; others use vector instructions, whose 64-bit lanes processors read and write whole.
/// </summary>
internal static class LeafFill<TArch, TModel>
    where TArch : IArchitecture
    where TModel : IModel
{
    /// <summary>Position of the first entry that is not none; -1 when all are.</summary>
    internal static int FirstOccupied(Span<ulong> words)
    {
        int start = 0;
        if (!TModel.Checked)
        {
            start = words.IndexOfAnyExcept(0UL);
            if (start < 0)
                return -1;
        }

        // What is not zero may still be none: some formats ignore bits.
        for (int i = start; i < words.Length; i++)
        {
            if (!TArch.IsNone(PageTables<TArch, TModel>.Load(ref words[i]), 1))
                return i;
        }

        return -1;
    }

    /// <summary>Stores leaves of consecutive frames.</summary>
    internal static void Store(Span<ulong> words, Pte leaf)
    {
        ulong step = TArch.Advance(leaf, 1, 1).Raw - leaf.Raw;
        bool linear = TArch.Advance(leaf, (ulong)words.Length - 1, 1).Raw == leaf.Raw + (step * ((ulong)words.Length - 1));
        if (TModel.Checked || !linear)
        {
            for (int i = 0; i < words.Length; i++)
                PageTables<TArch, TModel>.Store(ref words[i], TArch.Advance(leaf, (ulong)i, 1));
            return;
        }

        Atomic<TModel>.Fence(); // what the caller wrote into the frames comes before the entries that show them
        StoreLinear(words, leaf.Raw, step);
    }

    /// <summary>Clears the leaves of a level; counts them, and the other entries, which stay.</summary>
    internal static uint Clear(Span<ulong> words, int level, out uint skipped)
    {
        Count(words, level, out uint present, out uint empty);
        skipped = (uint)words.Length - present - empty;
        if (present == 0)
            return 0;
        if (!TModel.Checked && skipped == 0)
        {
            words.Clear(); // under the lock nothing but accessed and dirty bits of the leaves can have changed since the count
            return present;
        }

        foreach (ref ulong word in words)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (!TArch.IsNone(entry, level) && TArch.IsLeaf(entry, level))
                PageTables<TArch, TModel>.Store(ref word, default);
        }

        return present;
    }

    /// <summary>How many entries of a level are leaves, and how many none.</summary>
    private static void Count(Span<ulong> words, int level, out uint present, out uint empty)
    {
        present = empty = 0;
        int i = 0;
        if (level == 1 && !TModel.Checked && Tests.AreMasks && Vector512.IsHardwareAccelerated)
        {
            ref ulong first = ref MemoryMarshal.GetReference(words);
            for (; i <= words.Length - 8; i += 8)
            {
                // Safe: i + 8 is within the span.
                Vector512<ulong> entries = Vector512.LoadUnsafe(ref first, (nuint)i);
                present += 8 - Unset(entries, Tests.Present);
                empty += Unset(entries, Tests.Something);
            }
        }

        for (; i < words.Length; i++)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref words[i]);
            empty += TArch.IsNone(entry, level) ? 1u : 0;
            present += TArch.LeafAllowed(level) && TArch.IsLeaf(entry, level) ? 1u : 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Unset(Vector512<ulong> entries, ulong mask) =>
        (uint)BitOperations.PopCount(Vector512.Equals(entries & Vector512.Create(mask), Vector512<ulong>.Zero).ExtractMostSignificantBits());

    private static void StoreLinear(Span<ulong> words, ulong raw, ulong step)
    {
        int i = 0;
        ref ulong first = ref MemoryMarshal.GetReference(words);
        // Safe: i + 8, or i + 4, is within the span.
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<ulong> values = Vector512.Create(raw) + (Vector512<ulong>.Indices * step);
            Vector512<ulong> advance = Vector512.Create(8 * step);
            for (; i <= words.Length - 8; i += 8)
            {
                GuestOrder<TArch>.Of(values).StoreUnsafe(ref first, (nuint)i);
                values += advance;
            }
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Vector256<ulong> values = Vector256.Create(raw) + (Vector256<ulong>.Indices * step);
            Vector256<ulong> advance = Vector256.Create(4 * step);
            for (; i <= words.Length - 4; i += 4)
            {
                GuestOrder<TArch>.Of(values).StoreUnsafe(ref first, (nuint)i);
                values += advance;
            }
        }

        for (; i < words.Length; i++)
        {
            words[i] = GuestOrder<TArch>.Of(raw + (step * (ulong)i));
        }
    }

    /// <summary>What can be asked of many leaves at once; made at first use, not by models that never do.</summary>
    private static class Tests
    {
        internal static readonly bool AreMasks = EntryTest.Present<TArch>(1).IsMask && EntryTest.Something<TArch>(1).IsMask;
        internal static readonly ulong Present = EntryTest.Present<TArch>(1).InMemory;
        internal static readonly ulong Something = EntryTest.Something<TArch>(1).InMemory;
    }
}
