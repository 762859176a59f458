using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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

    /// <summary>Offsets and types of each word, apart: for those who sort or sum one of them.</summary>
    /// <param name="words">Words of a table, in the guest's byte order.</param>
    /// <param name="offsets">Where the offsets go; at least as long.</param>
    /// <param name="types">Where the types go; at least as long.</param>
    /// <exception cref="ArgumentException">A destination is too short.</exception>
    public static void Decode(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types)
    {
        CheckLength(words.Length, offsets.Length);
        CheckLength(words.Length, types.Length);
        int i = 0;
        if (Fields.AreLinear && Vector512.IsHardwareAccelerated && Avx512F.IsSupported)
        {
            ref ulong from = ref MemoryMarshal.GetReference(words);
            ref ulong to = ref MemoryMarshal.GetReference(offsets);
            ref byte toTypes = ref MemoryMarshal.GetReference(types);
            // Safe: i + 16 is within all three spans.
            for (; i <= words.Length - 16; i += 16)
            {
                Vector128<byte> low = Apart(Vector512.LoadUnsafe(ref from, (nuint)i), ref to, i);
                Vector128<byte> high = Apart(Vector512.LoadUnsafe(ref from, (nuint)i + 8), ref to, i + 8);
                Vector128.Create(low.GetLower(), high.GetLower()).StoreUnsafe(ref toTypes, (nuint)i);
            }
        }

        for (; i < words.Length; i++)
        {
            var entry = new Pte(GuestOrder<TArch>.Of(words[i]));
            offsets[i] = TArch.SwapOffset(entry);
            types[i] = (byte)TArch.SwapType(entry);
        }
    }

    internal static void DecodeScalar(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        for (int i = 0; i < words.Length; i++)
        {
            var entry = new Pte(GuestOrder<TArch>.Of(words[i]));
            entries[i] = new SwapEntry(TArch.SwapType(entry), TArch.SwapOffset(entry)).Value;
        }
    }

    internal static void EncodeScalar(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            var entry = new SwapEntry(entries[i]);
            words[i] = GuestOrder<TArch>.Of(TArch.EncodeSwap(entry.Type, entry.Offset).Raw);
        }
    }

    internal static int Decode512(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        ref ulong from = ref MemoryMarshal.GetReference(words);
        ref ulong to = ref MemoryMarshal.GetReference(entries);
        int i = 0;
        // Safe: i + 32, then i + 8, is within both spans. Four at a time: one alone waits for its loads.
        for (; i <= words.Length - 32; i += 32)
        {
            Vector512<ulong> a = Decoded(Vector512.LoadUnsafe(ref from, (nuint)i));
            Vector512<ulong> b = Decoded(Vector512.LoadUnsafe(ref from, (nuint)i + 8));
            Vector512<ulong> c = Decoded(Vector512.LoadUnsafe(ref from, (nuint)i + 16));
            Vector512<ulong> d = Decoded(Vector512.LoadUnsafe(ref from, (nuint)i + 24));
            a.StoreUnsafe(ref to, (nuint)i);
            b.StoreUnsafe(ref to, (nuint)i + 8);
            c.StoreUnsafe(ref to, (nuint)i + 16);
            d.StoreUnsafe(ref to, (nuint)i + 24);
        }

        for (; i <= words.Length - 8; i += 8)
            Decoded(Vector512.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        return i;
    }

    internal static int Decode256(ReadOnlySpan<ulong> words, Span<ulong> entries)
    {
        ref ulong from = ref MemoryMarshal.GetReference(words);
        ref ulong to = ref MemoryMarshal.GetReference(entries);
        int i = 0;
        // Safe: i + 16, then i + 4, is within both spans.
        for (; i <= words.Length - 16; i += 16)
        {
            Vector256<ulong> a = Decoded(Vector256.LoadUnsafe(ref from, (nuint)i));
            Vector256<ulong> b = Decoded(Vector256.LoadUnsafe(ref from, (nuint)i + 4));
            Vector256<ulong> c = Decoded(Vector256.LoadUnsafe(ref from, (nuint)i + 8));
            Vector256<ulong> d = Decoded(Vector256.LoadUnsafe(ref from, (nuint)i + 12));
            a.StoreUnsafe(ref to, (nuint)i);
            b.StoreUnsafe(ref to, (nuint)i + 4);
            c.StoreUnsafe(ref to, (nuint)i + 8);
            d.StoreUnsafe(ref to, (nuint)i + 12);
        }

        for (; i <= words.Length - 4; i += 4)
            Decoded(Vector256.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        return i;
    }

    internal static int Encode512(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        ref ulong from = ref MemoryMarshal.GetReference(entries);
        ref ulong to = ref MemoryMarshal.GetReference(words);
        int i = 0;
        // Safe: i + 32, then i + 8, is within both spans.
        for (; i <= entries.Length - 32; i += 32)
        {
            Vector512<ulong> a = Encoded(Vector512.LoadUnsafe(ref from, (nuint)i));
            Vector512<ulong> b = Encoded(Vector512.LoadUnsafe(ref from, (nuint)i + 8));
            Vector512<ulong> c = Encoded(Vector512.LoadUnsafe(ref from, (nuint)i + 16));
            Vector512<ulong> d = Encoded(Vector512.LoadUnsafe(ref from, (nuint)i + 24));
            a.StoreUnsafe(ref to, (nuint)i);
            b.StoreUnsafe(ref to, (nuint)i + 8);
            c.StoreUnsafe(ref to, (nuint)i + 16);
            d.StoreUnsafe(ref to, (nuint)i + 24);
        }

        for (; i <= entries.Length - 8; i += 8)
            Encoded(Vector512.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        return i;
    }

    internal static int Encode256(ReadOnlySpan<ulong> entries, Span<ulong> words)
    {
        ref ulong from = ref MemoryMarshal.GetReference(entries);
        ref ulong to = ref MemoryMarshal.GetReference(words);
        int i = 0;
        // Safe: i + 4 is within both spans.
        for (; i <= entries.Length - 4; i += 4)
            Encoded(Vector256.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Decoded(Vector512<ulong> inMemory)
    {
        Vector512<ulong> word = GuestOrder<TArch>.Of(inMemory);
        Vector512<ulong> type = ((word ^ Vector512.Create(Fields.TypeFlip)) >>> Fields.TypeShift) & Vector512.Create(Fields.TypeMask);
        Vector512<ulong> offset = ((word ^ Vector512.Create(Fields.OffsetFlip)) >>> Fields.OffsetShift) & Vector512.Create(Fields.OffsetMask);
        return (type << EntryTypeShift) | offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Decoded(Vector256<ulong> inMemory)
    {
        Vector256<ulong> word = GuestOrder<TArch>.Of(inMemory);
        Vector256<ulong> type = ((word ^ Vector256.Create(Fields.TypeFlip)) >>> Fields.TypeShift) & Vector256.Create(Fields.TypeMask);
        Vector256<ulong> offset = ((word ^ Vector256.Create(Fields.OffsetFlip)) >>> Fields.OffsetShift) & Vector256.Create(Fields.OffsetMask);
        return (type << EntryTypeShift) | offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Encoded(Vector512<ulong> entry)
    {
        Vector512<ulong> type = ((entry >>> EntryTypeShift) & Vector512.Create(Fields.TypeMask)) << Fields.TypeShift;
        Vector512<ulong> offset = (entry & Vector512.Create(Fields.EncodableOffset)) << Fields.OffsetShift;
        return GuestOrder<TArch>.Of((type | offset) ^ Vector512.Create(Fields.Empty));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Encoded(Vector256<ulong> entry)
    {
        Vector256<ulong> type = ((entry >>> EntryTypeShift) & Vector256.Create(Fields.TypeMask)) << Fields.TypeShift;
        Vector256<ulong> offset = (entry & Vector256.Create(Fields.EncodableOffset)) << Fields.OffsetShift;
        return GuestOrder<TArch>.Of((type | offset) ^ Vector256.Create(Fields.Empty));
    }

    /// <summary>Stores the offsets of eight words and returns their types, in the lower half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Apart(Vector512<ulong> inMemory, ref ulong offsets, int at)
    {
        Vector512<ulong> word = GuestOrder<TArch>.Of(inMemory);
        Vector512<ulong> offset = ((word ^ Vector512.Create(Fields.OffsetFlip)) >>> Fields.OffsetShift) & Vector512.Create(Fields.OffsetMask);
        offset.StoreUnsafe(ref offsets, (nuint)at);
        Vector512<ulong> type = ((word ^ Vector512.Create(Fields.TypeFlip)) >>> Fields.TypeShift) & Vector512.Create(Fields.TypeMask);
        return Avx512F.ConvertToVector128Byte(type);
    }

    private static void CheckLength(int source, int destination)
    {
        if (destination < source)
            throw new ArgumentException($"{destination} results do not hold {source} values.", nameof(destination));
    }
}
