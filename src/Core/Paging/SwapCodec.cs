using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Paging;

/// <summary>
/// Decodes and encodes swap PTEs in bulk: spans of words as they lie in tables (guest's byte order) to and from <see cref="SwapEntry"/> values
/// and marks. Vector512, else Vector256, else one by one; all three give the same.
/// </summary>
/// <remarks>
/// The codec does not ask what a word is: it takes the type and offset fields of every word, as the kernel's macros do. The vector paths
/// serve every architecture whose fields are plain or complemented bit fields; any other is served one by one. Results of 32 MiB and more that
/// lie in other memory than their source go around the caches, as a copy's do.
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
    private static bool Swapped => GuestOrder<TArch>.IsSwapped;

    /// <summary>Type and offset of each word, as <see cref="SwapEntry.Value"/>.</summary>
    /// <param name="words">Words of a table, in the guest's byte order.</param>
    /// <param name="entries">Where the values go; at least as long. It may be the same memory.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Decode(ReadOnlySpan<ulong> words, Span<ulong> entries) => SwapFormatCodec<TArch>.Decode(words, entries, Swapped);

    /// <summary>Words without marks for type and offset of each value.</summary>
    /// <param name="entries">Values of <see cref="SwapEntry"/>. Bits beyond the architecture's fields are dropped.</param>
    /// <param name="words">Where the words go, in the guest's byte order; at least as long. It may be the same memory.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Encode(ReadOnlySpan<ulong> entries, Span<ulong> words) => SwapFormatCodec<TArch>.Encode(entries, words, Swapped);

    /// <summary>Offsets and types of each word, apart: for those who sort or sum one of them.</summary>
    /// <param name="words">Words of a table, in the guest's byte order.</param>
    /// <param name="offsets">Where the offsets go; at least as long.</param>
    /// <param name="types">Where the types go; at least as long.</param>
    /// <exception cref="ArgumentException">A destination is too short.</exception>
    public static void Decode(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types) =>
        SwapFormatCodec<TArch>.Decode(words, offsets, types, Swapped);

    internal static int Decode512(ReadOnlySpan<ulong> words, Span<ulong> entries, nint around = Streaming.Limit) => Swapped
        ? SwapKernel<TArch, SwappedOrder>.Decode512(words, entries, around) : SwapKernel<TArch, NativeOrder>.Decode512(words, entries, around);

    internal static int Decode256(ReadOnlySpan<ulong> words, Span<ulong> entries, nint around = Streaming.Limit) => Swapped
        ? SwapKernel<TArch, SwappedOrder>.Decode256(words, entries, around) : SwapKernel<TArch, NativeOrder>.Decode256(words, entries, around);

    internal static int Encode512(ReadOnlySpan<ulong> entries, Span<ulong> words, nint around = Streaming.Limit) => Swapped
        ? SwapKernel<TArch, SwappedOrder>.Encode512(entries, words, around) : SwapKernel<TArch, NativeOrder>.Encode512(entries, words, around);

    internal static int Encode256(ReadOnlySpan<ulong> entries, Span<ulong> words, nint around = Streaming.Limit) => Swapped
        ? SwapKernel<TArch, SwappedOrder>.Encode256(entries, words, around) : SwapKernel<TArch, NativeOrder>.Encode256(entries, words, around);

    internal static int Apart512(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types, nint around = Streaming.Limit) => Swapped
        ? SwapKernel<TArch, SwappedOrder>.Apart512(words, offsets, types, around)
        : SwapKernel<TArch, NativeOrder>.Apart512(words, offsets, types, around);
}
