using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PageTableEmu.Swap;

namespace PageTableEmu.Paging;

/// <summary>
/// Decodes and encodes swap PTEs in bulk: spans of words as they lie in tables (guest's byte order) to and from <see cref="SwapEntry"/> values
/// and marks. Vector512, else Vector256, else one by one; all three give the same.
/// </summary>
/// <remarks>
/// The codec does not ask what a word is: it takes the type and offset fields of every word, as the kernel's macros do. The vector paths
/// serve every architecture whose fields are plain or complemented bit fields: where the fields lie is found once by encoding and decoding
/// single bits through <see cref="ISwapFormat"/>, and checked there; an architecture for which the check fails is served by the scalar path.
/// </remarks>
/// <typeparam name="TArch">The architecture.</typeparam>
/// <example>
/// <code>
/// ulong[] words = { X64Swap.Encode(1, 0x41).Raw, X64Swap.Encode(1, 0x42).Raw }; // as they stand in a page table
/// ulong[] entries = new ulong[words.Length];
/// SwapCodec&lt;X64FourLevel&gt;.Decode(words, entries);
/// </code>
/// </example>
public static class SwapCodec<TArch>
    where TArch : struct, IArchitecture
{
    private const int EntryTypeShift = 58; // of SwapEntry.Value

    private static readonly SwapFields Fields = SwapFields.Of<TArch>();

    private static bool Swapped => TArch.BigEndian == BitConverter.IsLittleEndian;

    /// <summary>Type and offset of each word, as <see cref="SwapEntry.Value"/>.</summary>
    /// <param name="words">Words of a table, in the guest's byte order.</param>
    /// <param name="entries">Where the values go; at least as long. It may be the same memory.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Decode(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        CheckLength(words.Length, entries.Length);
        int done = 0;
        if (Fields.AreLinear && Vector512.IsHardwareAccelerated)
            done = Decode512(words, entries);
        else if (Fields.AreLinear && Vector256.IsHardwareAccelerated)
            done = Decode256(words, entries);
        DecodeScalar(words[done..], entries[done..]);
    }

    /// <summary>Words without marks for type and offset of each value.</summary>
    /// <param name="entries">Values of <see cref="SwapEntry"/>. Bits beyond the architecture's fields are dropped.</param>
    /// <param name="words">Where the words go, in the guest's byte order; at least as long. It may be the same memory.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Encode(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        CheckLength(entries.Length, words.Length);
        int done = 0;
        if (Fields.AreLinear && Vector512.IsHardwareAccelerated)
            done = Encode512(entries, words);
        else if (Fields.AreLinear && Vector256.IsHardwareAccelerated)
            done = Encode256(entries, words);
        EncodeScalar(entries[done..], words[done..]);
    }

    internal static void DecodeScalar(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        for (int i = 0; i < words.Length; i++)
        {
            var entry = new Pte(Swapped ? BinaryPrimitives.ReverseEndianness(words[i]) : words[i]);
            entries[i] = new SwapEntry(TArch.SwapType(entry), TArch.SwapOffset(entry)).Value;
        }
    }

    internal static void EncodeScalar(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            var entry = new SwapEntry(entries[i]);
            ulong raw = TArch.EncodeSwap(entry.Type, entry.Offset).Raw;
            words[i] = Swapped ? BinaryPrimitives.ReverseEndianness(raw) : raw;
        }
    }

    internal static int Decode512(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        ref ulong from = ref MemoryMarshal.GetReference(words);
        ref ulong to = ref MemoryMarshal.GetReference(entries);
        int i = 0;
        // Safe: i + 8 is within both spans.
        for (; i <= words.Length - Vector512<ulong>.Count; i += Vector512<ulong>.Count)
        {
            Vector512<ulong> word = Order(Vector512.LoadUnsafe(ref from, (nuint)i));
            Vector512<ulong> type = ((word ^ Vector512.Create(Fields.TypeFlip)) >>> Fields.TypeShift) & Vector512.Create(Fields.TypeMask);
            Vector512<ulong> offset = ((word ^ Vector512.Create(Fields.OffsetFlip)) >>> Fields.OffsetShift) & Vector512.Create(Fields.OffsetMask);
            ((type << EntryTypeShift) | offset).StoreUnsafe(ref to, (nuint)i);
        }

        return i;
    }

    internal static int Decode256(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        ref ulong from = ref MemoryMarshal.GetReference(words);
        ref ulong to = ref MemoryMarshal.GetReference(entries);
        int i = 0;
        // Safe: i + 4 is within both spans.
        for (; i <= words.Length - Vector256<ulong>.Count; i += Vector256<ulong>.Count)
        {
            Vector256<ulong> word = Order(Vector256.LoadUnsafe(ref from, (nuint)i));
            Vector256<ulong> type = ((word ^ Vector256.Create(Fields.TypeFlip)) >>> Fields.TypeShift) & Vector256.Create(Fields.TypeMask);
            Vector256<ulong> offset = ((word ^ Vector256.Create(Fields.OffsetFlip)) >>> Fields.OffsetShift) & Vector256.Create(Fields.OffsetMask);
            ((type << EntryTypeShift) | offset).StoreUnsafe(ref to, (nuint)i);
        }

        return i;
    }

    internal static int Encode512(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        ref ulong from = ref MemoryMarshal.GetReference(entries);
        ref ulong to = ref MemoryMarshal.GetReference(words);
        int i = 0;
        // Safe: i + 8 is within both spans.
        for (; i <= entries.Length - Vector512<ulong>.Count; i += Vector512<ulong>.Count)
        {
            Vector512<ulong> entry = Vector512.LoadUnsafe(ref from, (nuint)i);
            Vector512<ulong> type = ((entry >>> EntryTypeShift) & Vector512.Create(Fields.TypeMask)) << Fields.TypeShift;
            Vector512<ulong> offset = (entry & Vector512.Create(Fields.EncodableOffset)) << Fields.OffsetShift;
            Order((type | offset) ^ Vector512.Create(Fields.Empty)).StoreUnsafe(ref to, (nuint)i);
        }

        return i;
    }

    internal static int Encode256(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        ref ulong from = ref MemoryMarshal.GetReference(entries);
        ref ulong to = ref MemoryMarshal.GetReference(words);
        int i = 0;
        // Safe: i + 4 is within both spans.
        for (; i <= entries.Length - Vector256<ulong>.Count; i += Vector256<ulong>.Count)
        {
            Vector256<ulong> entry = Vector256.LoadUnsafe(ref from, (nuint)i);
            Vector256<ulong> type = ((entry >>> EntryTypeShift) & Vector256.Create(Fields.TypeMask)) << Fields.TypeShift;
            Vector256<ulong> offset = (entry & Vector256.Create(Fields.EncodableOffset)) << Fields.OffsetShift;
            Order((type | offset) ^ Vector256.Create(Fields.Empty)).StoreUnsafe(ref to, (nuint)i);
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Order(Vector512<ulong> values) => Swapped
        ? Vector512.Create(Order(values.GetLower()), Order(values.GetUpper()))
        : values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Order(Vector256<ulong> values)
    {
        if (!Swapped)
            return values;
        Vector256<byte> reverse = Vector256.Create(
            (byte)7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8, 23, 22, 21, 20, 19, 18, 17, 16, 31, 30, 29, 28, 27, 26, 25, 24);
        return Vector256.Shuffle(values.AsByte(), reverse).AsUInt64();
    }

    private static void CheckLength(int source, int destination)
    {
        if (destination < source)
            throw new ArgumentException($"{destination} results do not hold {source} values.", nameof(destination));
    }
}
