using System.Buffers.Binary;
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
        uint present = 0;
        uint empty = 0;
        foreach (ref ulong word in words)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            empty += TArch.IsNone(entry, level) ? 1u : 0;
            present += TArch.LeafAllowed(level) && TArch.IsLeaf(entry, level) ? 1u : 0;
        }

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

    private static void StoreLinear(Span<ulong> words, ulong raw, ulong step)
    {
        int i = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<ulong> values = Vector256.Create(raw, raw + step, raw + (2 * step), raw + (3 * step));
            Vector256<ulong> advance = Vector256.Create(4 * step);
            ref ulong first = ref MemoryMarshal.GetReference(words);
            for (; i <= words.Length - 4; i += 4)
            {
                // Safe: i + 4 is within the span.
                Order(values).StoreUnsafe(ref first, (nuint)i);
                values += advance;
            }
        }

        for (; i < words.Length; i++)
        {
            ulong value = raw + (step * (ulong)i);
            words[i] = TArch.BigEndian == BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
        }
    }

    /// <summary>Guest's byte order. Done before the store: a walker must never see an entry the wrong way round.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Order(Vector256<ulong> values)
    {
        if (TArch.BigEndian != BitConverter.IsLittleEndian)
            return values;
        Vector256<byte> reverse = Vector256.Create(
            (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24);
        return Vector256.Shuffle(values.AsByte(), reverse).AsUInt64();
    }
}
