using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>
/// Turns swap PTEs of one architecture into those of another: type, offset, and every mark that both have. As the codec, it takes each word for a
/// swap entry, and works in the byte orders in which the tables of both lie in memory.
/// </summary>
/// <typeparam name="TFrom">The architecture of the words.</typeparam>
/// <typeparam name="TTo">The architecture of the results.</typeparam>
/// <example>
/// <code>
/// ulong[] words = { X64Swap.Encode(1, 0x41).Raw, X64Swap.Encode(1, 0x42).Raw };
/// bool whole = SwapTranscoder&lt;X64FourLevel, Sun4v&gt;.Transcode(words, words); // in place
/// Console.WriteLine($"{whole}: {words[0]:x16}, big-endian");
/// </code>
/// </example>
public static class SwapTranscoder<TFrom, TTo>
    where TFrom : struct, IArchitecture
    where TTo : struct, IArchitecture
{
    private static readonly SwapFields From = SwapFields.Of<TFrom>();
    private static readonly SwapFields To = SwapFields.Of<TTo>();
    private static readonly bool AreLinear = From.AreLinear && To.AreLinear && From.MarksAreBits && To.MarksAreBits;

    private static readonly ulong LostOffsets = From.OffsetMask & ~(To.EncodableOffset & To.OffsetMask);
    private static readonly ulong LostTypes = From.TypeMask & ~To.TypeMask;

    /// <summary>Transcodes words.</summary>
    /// <param name="words">Words of tables of <typeparamref name="TFrom"/>.</param>
    /// <param name="results">Where the words of <typeparamref name="TTo"/> go; at least as long. It may be the same memory.</param>
    /// <returns>Whether every type and offset fitted the new fields; bits that did not are dropped, as the kernel's macros do.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static bool Transcode(ReadOnlySpan<ulong> words, Span<ulong> results)
    {
        if (results.Length < words.Length)
            throw new ArgumentException($"{results.Length} results do not hold {words.Length} words.", nameof(results));
        int i = 0;
        ulong lost = 0;
        if (AreLinear && Vector512.IsHardwareAccelerated)
        {
            ref ulong from = ref MemoryMarshal.GetReference(words);
            ref ulong to = ref MemoryMarshal.GetReference(results);
            Vector512<ulong> all = default;
            // Safe: i + 16 is within both spans.
            for (; i <= words.Length - 16; i += 16)
            {
                Vector512<ulong> a = Turn(Vector512.LoadUnsafe(ref from, (nuint)i), ref all);
                Vector512<ulong> b = Turn(Vector512.LoadUnsafe(ref from, (nuint)i + 8), ref all);
                a.StoreUnsafe(ref to, (nuint)i);
                b.StoreUnsafe(ref to, (nuint)i + 8);
            }

            lost = all != default ? 1UL : 0;
        }

        for (; i < words.Length; i++)
            results[i] = GuestOrder<TTo>.Of(Turn(new Pte(GuestOrder<TFrom>.Of(words[i])), ref lost).Raw);
        return lost == 0;
    }

    private static Pte Turn(Pte entry, ref ulong lost)
    {
        uint type = TFrom.SwapType(entry);
        ulong offset = TFrom.SwapOffset(entry);
        lost |= (type & LostTypes) | (offset & LostOffsets);
        Pte result = TTo.EncodeSwap(type & (uint)To.TypeMask, offset);
        if (TFrom.IsSwapExclusive(entry))
            result = TTo.MakeSwapExclusive(result);
        if (TFrom.IsSwapSoftDirty(entry))
            result = TTo.MakeSwapSoftDirty(result);
        return TFrom.IsSwapUffdWp(entry) ? TTo.MakeSwapUffdWp(result) : result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Turn(Vector512<ulong> inMemory, ref Vector512<ulong> lost)
    {
        Vector512<ulong> word = GuestOrder<TFrom>.Of(inMemory);
        Vector512<ulong> type = ((word ^ Vector512.Create(From.TypeFlip)) >>> From.TypeShift) & Vector512.Create(From.TypeMask);
        Vector512<ulong> offset = ((word ^ Vector512.Create(From.OffsetFlip)) >>> From.OffsetShift) & Vector512.Create(From.OffsetMask);
        if (LostOffsets != 0)
            lost |= offset & Vector512.Create(LostOffsets);
        if (LostTypes != 0)
            lost |= type & Vector512.Create(LostTypes);
        if (LostOffsets != 0)
            offset &= Vector512.Create(To.EncodableOffset);
        if (LostTypes != 0)
            type &= Vector512.Create(To.TypeMask);
        Vector512<ulong> result = ((type << To.TypeShift) | (offset << To.OffsetShift)) ^ Vector512.Create(To.Empty);
        result = Carry(word, From.Exclusive, To.Exclusive, result);
        result = Carry(word, From.SoftDirty, To.SoftDirty, result);
        result = Carry(word, From.UffdWp, To.UffdWp, result);
        return GuestOrder<TTo>.Of(result);
    }

    /// <summary>A mark from its bit to its bit: 0 where one of the two has none. A mark may be stored complemented; <c>Empty</c> says so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Carry(Vector512<ulong> word, ulong from, ulong to, Vector512<ulong> result)
    {
        if (from == 0 || to == 0)
            return result;
        Vector512<ulong> mark = word & Vector512.Create(from);
        int distance = System.Numerics.BitOperations.TrailingZeroCount(to) - System.Numerics.BitOperations.TrailingZeroCount(from);
        return result | (distance >= 0 ? mark << distance : mark >>> -distance);
    }
}
