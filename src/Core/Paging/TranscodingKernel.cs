using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace PageTableEmu.Paging;

/// <summary>The bulk transcoder between two formats, each in its byte order.</summary>
internal static class TranscodingKernel<TFrom, TFromOrder, TTo, TToOrder>
    where TFrom : struct, ISwapFormat
    where TFromOrder : struct, IWordOrder
    where TTo : struct, ISwapFormat
    where TToOrder : struct, IWordOrder
{
    private static readonly SwapFields From = SwapFields.Of<TFrom>();
    private static readonly SwapFields To = SwapFields.Of<TTo>();
    private static readonly bool AreLinear = From.AreLinear && To.AreLinear && From.MarksAreBits && To.MarksAreBits;

    private static readonly ulong LostOffsets = From.OffsetMask & ~(To.EncodableOffset & To.OffsetMask);
    private static readonly ulong LostTypes = From.TypeMask & ~To.TypeMask;

    // Each a number of its own, because the JIT compiles such into the loop as constants. A field or mark goes from its old place to its new one by
    // one shift; what is complemented anywhere is put right by one exclusive or at the end.
    private static readonly int TypeMove = To.TypeShift - From.TypeShift;
    private static readonly int OffsetMove = To.OffsetShift - From.OffsetShift;
    private static readonly ulong TypeField = (From.TypeMask & To.TypeMask) << To.TypeShift;
    private static readonly ulong OffsetField = (From.OffsetMask & To.EncodableOffset) << To.OffsetShift;
    private static readonly ulong Flip =
        (Moved(From.TypeFlip, TypeMove) & TypeField) ^ (Moved(From.OffsetFlip, OffsetMove) & OffsetField) ^ To.Empty;

    private static readonly ulong LostField = (LostOffsets << From.OffsetShift) | (LostTypes << From.TypeShift);
    private static readonly ulong LostFlip = (From.OffsetFlip & (LostOffsets << From.OffsetShift)) | (From.TypeFlip & (LostTypes << From.TypeShift));
    private static readonly ulong Exclusive = From.Exclusive != 0 ? To.Exclusive : 0;
    private static readonly ulong SoftDirty = From.SoftDirty != 0 ? To.SoftDirty : 0;
    private static readonly ulong UffdWp = From.UffdWp != 0 ? To.UffdWp : 0;
    private static readonly int ExclusiveMove = Distance(From.Exclusive, Exclusive);
    private static readonly int SoftDirtyMove = Distance(From.SoftDirty, SoftDirty);
    private static readonly int UffdWpMove = Distance(From.UffdWp, UffdWp);

    /// <summary>Transcodes words.</summary>
    /// <param name="words">Words of tables of <typeparamref name="TFrom"/>.</param>
    /// <param name="results">Where the words of <typeparamref name="TTo"/> go; at least as long. It may be the same memory.</param>
    /// <returns>Whether every type and offset fitted the new fields; bits that did not are dropped, as the kernel's macros do.</returns>
    internal static bool Transcode(ReadOnlySpan<ulong> words, Span<ulong> results)
    {
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
            results[i] = WordOrder<TToOrder>.Of(Turn(new Pte(WordOrder<TFromOrder>.Of(words[i])), ref lost).Raw);
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
        Vector512<ulong> word = WordOrder<TFromOrder>.Of(inMemory);
        if (LostField != 0)
            lost |= (word & Vector512.Create(LostField)) ^ Vector512.Create(LostFlip);
        Vector512<ulong> result = (Moved(word, TypeMove) & Vector512.Create(TypeField)) | (Moved(word, OffsetMove) & Vector512.Create(OffsetField));
        if (Exclusive != 0)
            result |= Moved(word, ExclusiveMove) & Vector512.Create(Exclusive);
        if (SoftDirty != 0)
            result |= Moved(word, SoftDirtyMove) & Vector512.Create(SoftDirty);
        if (UffdWp != 0)
            result |= Moved(word, UffdWpMove) & Vector512.Create(UffdWp);
        return WordOrder<TToOrder>.Of(result ^ Vector512.Create(Flip));
    }

    private static int Distance(ulong from, ulong to) =>
        to == 0 ? 0 : BitOperations.TrailingZeroCount(to) - BitOperations.TrailingZeroCount(from);

    private static ulong Moved(ulong value, int left) => left >= 0 ? value << left : value >> -left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Moved(Vector512<ulong> value, int left) => left >= 0 ? value << left : value >>> -left;
}
