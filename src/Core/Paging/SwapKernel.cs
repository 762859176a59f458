using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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

    // Each a number of its own, because the JIT compiles such into the loops as constants. A field goes from its place in the word to its place in
    // the value by one shift; what is complemented anywhere is put right by one exclusive or at the end.
    private static readonly int TypeMove = EntryTypeShift - Fields.TypeShift;
    private static readonly int OffsetMove = -Fields.OffsetShift;
    private static readonly ulong TypeField = Fields.TypeMask << EntryTypeShift;
    private static readonly ulong OffsetField = Fields.OffsetMask;
    private static readonly ulong Flip =
        (Moved(Fields.TypeFlip, TypeMove) & TypeField) ^ (Moved(Fields.OffsetFlip, OffsetMove) & OffsetField);

    private static readonly ulong EncodedTypeField = Fields.TypeMask << Fields.TypeShift;
    private static readonly ulong EncodedOffsetField = Fields.EncodableOffset << Fields.OffsetShift;
    private static readonly ulong Empty = Fields.Empty;
    private static readonly ulong TypeMask = Fields.TypeMask;
    private static readonly int TypeDown = Fields.TypeShift;
    private static readonly ulong TypeFlip = (Fields.TypeFlip >> Fields.TypeShift) & Fields.TypeMask;
    private static readonly ulong OffsetFlip = (Fields.OffsetFlip >> Fields.OffsetShift) & Fields.OffsetMask;

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
        int i = 0;
        if (IsLinear && Vector512.IsHardwareAccelerated && Avx512F.IsSupported)
        {
            ref ulong from = ref MemoryMarshal.GetReference(words);
            ref ulong to = ref MemoryMarshal.GetReference(offsets);
            ref byte toTypes = ref MemoryMarshal.GetReference(types);
            // Safe: i + 16 is within all three spans.
            for (; i <= words.Length - 16; i += 16)
            {
                ulong low = Apart(Vector512.LoadUnsafe(ref from, (nuint)i), ref to, i);
                ulong high = Apart(Vector512.LoadUnsafe(ref from, (nuint)i + 8), ref to, i + 8);
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref toTypes, i), low);
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref toTypes, i + 8), high);
            }
        }

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

    internal static int Decode512(ReadOnlySpan<ulong> words, Span<ulong> entries) => VectorPass<Decoding>.ByEight(words, entries);

    internal static int Decode256(ReadOnlySpan<ulong> words, Span<ulong> entries) => VectorPass<Decoding>.ByFour(words, entries);

    internal static int Encode512(ReadOnlySpan<ulong> entries, Span<ulong> words) => VectorPass<Encoding>.ByEight(entries, words);

    internal static int Encode256(ReadOnlySpan<ulong> entries, Span<ulong> words) => VectorPass<Encoding>.ByFour(entries, words);

    // Where exactly the offset is complemented, as on x86-64, masking does it too: one instruction less.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Joined(
        Vector512<ulong> type, Vector512<ulong> offset, ulong typeField, ulong offsetField, ulong flip) => flip == offsetField
            ? (type & Vector512.Create(typeField)) | Vector512.AndNot(Vector512.Create(offsetField), offset)
            : ((type & Vector512.Create(typeField)) | (offset & Vector512.Create(offsetField))) ^ Vector512.Create(flip);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Joined(
        Vector256<ulong> type, Vector256<ulong> offset, ulong typeField, ulong offsetField, ulong flip) => flip == offsetField
            ? (type & Vector256.Create(typeField)) | Vector256.AndNot(Vector256.Create(offsetField), offset)
            : ((type & Vector256.Create(typeField)) | (offset & Vector256.Create(offsetField))) ^ Vector256.Create(flip);

    private static ulong Moved(ulong value, int left) => left >= 0 ? value << left : value >> -left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Moved(Vector512<ulong> value, int left) => left >= 0 ? value << left : value >>> -left;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Moved(Vector256<ulong> value, int left) => left >= 0 ? value << left : value >>> -left;

    /// <summary>Stores the offsets of eight words and returns their types, a byte each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Apart(Vector512<ulong> inMemory, ref ulong offsets, int at)
    {
        Vector512<ulong> word = WordOrder<TOrder>.Of(inMemory);
        ((Moved(word, OffsetMove) & Vector512.Create(OffsetField)) ^ Vector512.Create(OffsetFlip)).StoreUnsafe(ref offsets, (nuint)at);
        Vector512<ulong> type = ((word >>> TypeDown) & Vector512.Create(TypeMask)) ^ Vector512.Create(TypeFlip);
        return Avx512F.ConvertToVector128Byte(type).AsUInt64().ToScalar();
    }

    private readonly struct Decoding : IVectorStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<ulong> Of(Vector512<ulong> words)
        {
            Vector512<ulong> word = WordOrder<TOrder>.Of(words);
            return Joined(Moved(word, TypeMove), Moved(word, OffsetMove), TypeField, OffsetField, Flip);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<ulong> Of(Vector256<ulong> words)
        {
            Vector256<ulong> word = WordOrder<TOrder>.Of(words);
            return Joined(Moved(word, TypeMove), Moved(word, OffsetMove), TypeField, OffsetField, Flip);
        }
    }

    private readonly struct Encoding : IVectorStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<ulong> Of(Vector512<ulong> words) => WordOrder<TOrder>.Of(
            Joined(Moved(words, -TypeMove), Moved(words, -OffsetMove), EncodedTypeField, EncodedOffsetField, Empty));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<ulong> Of(Vector256<ulong> words) => WordOrder<TOrder>.Of(
            Joined(Moved(words, -TypeMove), Moved(words, -OffsetMove), EncodedTypeField, EncodedOffsetField, Empty));
    }
}
