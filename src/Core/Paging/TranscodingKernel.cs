using System.Numerics;
using System.Runtime.Intrinsics;
using PageTableEmu.Atomics;

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

    /// <summary>Transcodes words.</summary>
    /// <param name="words">Words of tables of <typeparamref name="TFrom"/>.</param>
    /// <param name="results">Where the words of <typeparamref name="TTo"/> go; at least as long. It may be the same memory.</param>
    /// <returns>Whether every type and offset fitted the new fields; bits that did not are dropped, as the kernel's macros do.</returns>
    internal static bool Transcode(ReadOnlySpan<ulong> words, Span<ulong> results)
    {
        ulong seen = 0;
        int i = !AreLinear ? 0 : Vector512.IsHardwareAccelerated ? Transcode512(words, results, ref seen)
            : Vector256.IsHardwareAccelerated ? Transcode256(words, results, ref seen) : 0;
        bool fit = !AreLinear || !HasLost(seen);
        return TranscodeScalar(words[i..], results[i..]) && fit;
    }

    /// <summary>Whether among the words that vectors have seen was one of which a bit is lost.</summary>
    internal static bool HasLost(ulong seen) => WordMap<Turning>.HasSeen(seen);

    internal static bool TranscodeScalar(ReadOnlySpan<ulong> words, Span<ulong> results)
    {
        ulong lost = 0;
        for (int i = 0; i < words.Length; i++)
            results[i] = WordOrder<TToOrder>.Of(Turn(new Pte(WordOrder<TFromOrder>.Of(words[i])), ref lost).Raw);
        return lost == 0;
    }

    internal static int Transcode512(ReadOnlySpan<ulong> words, Span<ulong> results, ref ulong seen, nint around = Streaming.Limit) =>
        VectorPass<WordMap<Turning>>.ByEight(words, results, ref seen, around);

    internal static int Transcode256(ReadOnlySpan<ulong> words, Span<ulong> results, ref ulong seen, nint around = Streaming.Limit) =>
        VectorPass<WordMap<Turning>>.ByFour(words, results, ref seen, around);

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

    private static ulong Moved(ulong value, int left) => left >= 0 ? value << left : value >> -left;

    /// <summary>From where to where types, offsets and marks go; what either side has not is no move.</summary>
    private readonly struct Turning : IWordMap
    {
        public static WordMove[] Moves =>
        [
            new(TypeField, TypeMove), new(OffsetField, OffsetMove),
            .. Mark(From.Exclusive, To.Exclusive), .. Mark(From.SoftDirty, To.SoftDirty), .. Mark(From.UffdWp, To.UffdWp),
        ];

        public static ulong Flip => (Moved(From.TypeFlip, TypeMove) & TypeField) ^ (Moved(From.OffsetFlip, OffsetMove) & OffsetField) ^ To.Empty;

        public static ulong Watched => (LostOffsets << From.OffsetShift) | (LostTypes << From.TypeShift);

        public static ulong WatchedFlip =>
            (From.OffsetFlip & (LostOffsets << From.OffsetShift)) | (From.TypeFlip & (LostTypes << From.TypeShift));

        public static bool FromSwapped => TFromOrder.IsSwapped;

        public static bool ToSwapped => TToOrder.IsSwapped;

        private static int TypeMove => To.TypeShift - From.TypeShift;

        private static int OffsetMove => To.OffsetShift - From.OffsetShift;

        private static ulong TypeField => (From.TypeMask & To.TypeMask) << To.TypeShift;

        private static ulong OffsetField => (From.OffsetMask & To.EncodableOffset) << To.OffsetShift;

        private static WordMove[] Mark(ulong from, ulong to) => from == 0 || to == 0 ? []
            : [new(to, BitOperations.TrailingZeroCount(to) - BitOperations.TrailingZeroCount(from))];
    }
}
