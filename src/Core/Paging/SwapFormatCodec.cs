using PageTableEmu.Swap;

namespace PageTableEmu.Paging;

/// <summary>
/// The bulk codec for any format of swap entries, also one that is only an idea: <see cref="SwapCodec{TArch}"/> where an architecture says in which
/// byte order words lie, and the caller says it here.
/// </summary>
/// <typeparam name="TFormat">The format.</typeparam>
/// <example>
/// <code>
/// static ulong Word&lt;TFormat&gt;(ulong offset)
///     where TFormat : struct, ISwapFormat =&gt; TFormat.EncodeSwap(1, offset).Raw;
///
/// ulong[] words = { Word&lt;Riscv64Swap&gt;(0x41), Word&lt;Riscv64Swap&gt;(0x42) };
/// ulong[] entries = new ulong[words.Length];
/// SwapFormatCodec&lt;Riscv64Swap&gt;.Decode(words, entries);
/// Console.WriteLine(new SwapEntry(entries[1]));
/// </code>
/// </example>
public static class SwapFormatCodec<TFormat>
    where TFormat : struct, ISwapFormat
{
    /// <summary>Type and offset of each word, as <see cref="SwapEntry.Value"/>.</summary>
    /// <param name="words">The words.</param>
    /// <param name="entries">Where the values go; at least as long. It may be the same memory.</param>
    /// <param name="swapped">Whether the words lie in memory in the other byte order than the processor's.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Decode(ReadOnlySpan<ulong> words, Span<ulong> entries, bool swapped = false)
    {
        CheckLength(words.Length, entries.Length);
        if (swapped)
            SwapKernel<TFormat, SwappedOrder>.Decode(words, entries);
        else
            SwapKernel<TFormat, NativeOrder>.Decode(words, entries);
    }

    /// <summary>Words without marks for type and offset of each value.</summary>
    /// <param name="entries">Values of <see cref="SwapEntry"/>. Bits beyond the format's fields are dropped.</param>
    /// <param name="words">Where the words go; at least as long. It may be the same memory.</param>
    /// <param name="swapped">Whether the words lie in memory in the other byte order than the processor's.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Encode(ReadOnlySpan<ulong> entries, Span<ulong> words, bool swapped = false)
    {
        CheckLength(entries.Length, words.Length);
        if (swapped)
            SwapKernel<TFormat, SwappedOrder>.Encode(entries, words);
        else
            SwapKernel<TFormat, NativeOrder>.Encode(entries, words);
    }

    /// <summary>Offsets and types of each word, apart.</summary>
    /// <param name="words">The words.</param>
    /// <param name="offsets">Where the offsets go; at least as long.</param>
    /// <param name="types">Where the types go; at least as long.</param>
    /// <param name="swapped">Whether the words lie in memory in the other byte order than the processor's.</param>
    /// <exception cref="ArgumentException">A destination is too short.</exception>
    public static void Decode(ReadOnlySpan<ulong> words, Span<ulong> offsets, Span<byte> types, bool swapped = false)
    {
        CheckLength(words.Length, offsets.Length);
        CheckLength(words.Length, types.Length);
        if (swapped)
            SwapKernel<TFormat, SwappedOrder>.Decode(words, offsets, types);
        else
            SwapKernel<TFormat, NativeOrder>.Decode(words, offsets, types);
    }

    private static void CheckLength(int source, int destination)
    {
        if (destination < source)
            ThrowTooShort(source, destination);
    }

    private static void ThrowTooShort(int source, int destination) =>
        throw new ArgumentException($"{destination} results do not hold {source} values.", nameof(destination));
}
