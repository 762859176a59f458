using System.Runtime.Intrinsics;
using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Paging;

/// <summary>
/// The bulk codec of one format and byte order: Vector512, else Vector256, else one by one. Where the fields lie is found once by encoding and
/// decoding single bits through <see cref="ISwapFormat"/>, and checked there; a format for which the check fails is served one by one.
/// </summary>
internal static class SwapKernel<TFormat, TOrder>
    where TFormat : struct, ISwapFormat
    where TOrder : struct, IWordOrder
{
    private const int EntryTypeShift = 58; // of SwapEntry.Value

    private static readonly SwapFields Fields = SwapFields.Of<TFormat>();
    private static readonly bool IsLinear = Fields.AreLinear;

    /// <summary>Type and offset of each word, as <see cref="SwapEntry.Value"/>.</summary>
    /// <param name="words">Words of a table, in the guest's byte order.</param>
    /// <param name="entries">Where the values go; at least as long. It may be the same memory.</param>
    internal static void Decode(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        int done = 0;
        if (IsLinear && Vector512.IsHardwareAccelerated)
            done = Decode512(words, entries);
        else if (IsLinear && Vector256.IsHardwareAccelerated)
            done = Decode256(words, entries);
        DecodeScalar(words[done..], entries[done..]);
    }

    /// <summary>Words without marks for type and offset of each value.</summary>
    /// <param name="entries">Values of <see cref="SwapEntry"/>. Bits beyond the architecture's fields are dropped.</param>
    /// <param name="words">Where the words go, in the guest's byte order; at least as long. It may be the same memory.</param>
    internal static void Encode(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        int done = 0;
        if (IsLinear && Vector512.IsHardwareAccelerated)
            done = Encode512(entries, words);
        else if (IsLinear && Vector256.IsHardwareAccelerated)
            done = Encode256(entries, words);
        EncodeScalar(entries[done..], words[done..]);
    }

    /// <summary>Offsets and types of each word, apart: for those who sort or sum one of them.</summary>
    /// <param name="words">Words of a table, in the guest's byte order.</param>
    /// <param name="offsets">Where the offsets go; at least as long.</param>
    /// <param name="types">Where the types go; at least as long.</param>
    internal static void Decode(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types)
    {
        int i = IsLinear && Vector512.IsHardwareAccelerated ? Apart512(words, offsets, types) : 0;
        for (; i < words.Length; i++)
        {
            var entry = new Pte(WordOrder<TOrder>.Of(words[i]));
            offsets[i] = TFormat.SwapOffset(entry);
            types[i] = (byte)TFormat.SwapType(entry);
        }
    }

    internal static void DecodeScalar(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        for (int i = 0; i < words.Length; i++)
        {
            var entry = new Pte(WordOrder<TOrder>.Of(words[i]));
            entries[i] = new SwapEntry(TFormat.SwapType(entry), TFormat.SwapOffset(entry)).Value;
        }
    }

    internal static void EncodeScalar(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            var entry = new SwapEntry(entries[i]);
            words[i] = WordOrder<TOrder>.Of(TFormat.EncodeSwap(entry.Type, entry.Offset).Raw);
        }
    }

    internal static int Decode512(ReadOnlySpan<ulong> words, Span<ulong> entries, nint around = Streaming.Limit)
    {
        ulong seen = 0;
        return VectorPass<WordMap<Decoding>>.ByEight(words, entries, ref seen, around);
    }

    internal static int Decode256(ReadOnlySpan<ulong> words, Span<ulong> entries, nint around = Streaming.Limit)
    {
        ulong seen = 0;
        return VectorPass<WordMap<Decoding>>.ByFour(words, entries, ref seen, around);
    }

    internal static int Encode512(ReadOnlySpan<ulong> entries, Span<ulong> words, nint around = Streaming.Limit)
    {
        ulong seen = 0;
        return VectorPass<WordMap<Encoding>>.ByEight(entries, words, ref seen, around);
    }

    internal static int Encode256(ReadOnlySpan<ulong> entries, Span<ulong> words, nint around = Streaming.Limit)
    {
        ulong seen = 0;
        return VectorPass<WordMap<Encoding>>.ByFour(entries, words, ref seen, around);
    }

    internal static int Apart512(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types, nint around = Streaming.Limit) =>
        ApartPass<WordMap<Offsets>, Types, TOrder>.ByEight(words, offsets, types, around);

    // A field goes from its place in the word to its place in the value by one shift; what is complemented anywhere is so at the end.

    private static ulong Moved(ulong value, int left) => left >= 0 ? value << left : value >> -left;

    private readonly struct Decoding : IWordMap
    {
        public static WordMove[] Moves =>
        [
            new(Fields.TypeMask << EntryTypeShift, EntryTypeShift - Fields.TypeShift),
            new(Fields.OffsetMask, -Fields.OffsetShift),
        ];

        public static ulong Flip => (Moved(Fields.TypeFlip, EntryTypeShift - Fields.TypeShift) & (Fields.TypeMask << EntryTypeShift))
            ^ (Moved(Fields.OffsetFlip, -Fields.OffsetShift) & Fields.OffsetMask);

        public static bool FromSwapped => TOrder.IsSwapped;

        public static bool ToSwapped => false;
    }

    private readonly struct Encoding : IWordMap
    {
        public static WordMove[] Moves =>
        [
            new(Fields.TypeMask << Fields.TypeShift, Fields.TypeShift - EntryTypeShift),
            new(Fields.EncodableOffset << Fields.OffsetShift, Fields.OffsetShift),
        ];

        public static ulong Flip => Fields.Empty;

        public static bool FromSwapped => false;

        public static bool ToSwapped => TOrder.IsSwapped;
    }

    private readonly struct Offsets : IWordMap
    {
        public static WordMove[] Moves => [new(Fields.OffsetMask, -Fields.OffsetShift)];

        public static ulong Flip => Moved(Fields.OffsetFlip, -Fields.OffsetShift) & Fields.OffsetMask;

        public static bool FromSwapped => TOrder.IsSwapped;

        public static bool ToSwapped => false;
    }

    private readonly struct Types : ITypeField
    {
        public static int Shift => Fields.TypeShift;

        public static ulong Mask => Fields.TypeMask;

        public static ulong Flip => (Fields.TypeFlip >> Fields.TypeShift) & Fields.TypeMask;
    }
}
