using System.Numerics;
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
        uint cleared = skipped = 0;
        int i = 0;
        if (level == 1 && !TModel.Checked && Tests.IsMask && Vector512.IsHardwareAccelerated)
        {
            ref ulong first = ref MemoryMarshal.GetReference(words);
            Vector512<ulong> present = Vector512.Create(Tests.Present);
            for (; i <= words.Length - 8; i += 8)
            {
                // Safe: i + 8 is within the span. Under the lock only accessed and dirty bits can change between the look and the store.
                if (Vector512.EqualsAny(Vector512.LoadUnsafe(ref first, (nuint)i) & present, Vector512<ulong>.Zero))
                {
                    cleared += ClearEach(words.Slice(i, 8), level, ref skipped);
                    continue;
                }

                Vector512<ulong>.Zero.StoreUnsafe(ref first, (nuint)i);
                cleared += 8;
            }
        }

        return cleared + ClearEach(words[i..], level, ref skipped);
    }

    private static uint ClearEach(Span<ulong> words, int level, ref uint skipped)
    {
        uint cleared = 0;
        foreach (ref ulong word in words)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (TArch.IsNone(entry, level))
                continue;
            if (TArch.LeafAllowed(level) && TArch.IsLeaf(entry, level))
            {
                PageTables<TArch, TModel>.Store(ref word, default);
                cleared++;
            }
            else
            {
                skipped++;
            }
        }

        return cleared;
    }

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
        internal static readonly bool IsMask = EntryTest.Present<TArch>(1).IsMask;
        internal static readonly ulong Present = EntryTest.Present<TArch>(1).InMemory;
    }
}
