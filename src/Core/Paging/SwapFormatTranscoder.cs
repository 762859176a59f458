namespace PageTableEmu.Paging;

/// <summary>
/// <see cref="SwapTranscoder{TFrom, TTo}"/> for any two formats of swap entries; the caller says in which byte order words lie.
/// </summary>
/// <typeparam name="TFrom">The format of the words.</typeparam>
/// <typeparam name="TTo">The format of the results.</typeparam>
/// <example>
/// <code>
/// ulong[] words = { X64Swap.Encode(1, 0x41).Raw, X64Swap.Encode(1, 0x42).Raw };
/// bool whole = SwapFormatTranscoder&lt;X64FourLevel, S390xSwap&gt;.Transcode(words, words);
/// Console.WriteLine($"{whole}: {words[0]:x16}");
/// </code>
/// </example>
public static class SwapFormatTranscoder<TFrom, TTo>
    where TFrom : struct, ISwapFormat
    where TTo : struct, ISwapFormat
{
    /// <summary>Transcodes words.</summary>
    /// <param name="words">Words of <typeparamref name="TFrom"/>.</param>
    /// <param name="results">Where the words of <typeparamref name="TTo"/> go; at least as long. It may be the same memory.</param>
    /// <param name="fromSwapped">Whether the words lie in memory in the other byte order than the processor's.</param>
    /// <param name="toSwapped">Whether the results do.</param>
    /// <returns>Whether every type and offset fitted the new fields; bits that did not are dropped, as the kernel's macros do.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static bool Transcode(ReadOnlySpan<ulong> words, Span<ulong> results, bool fromSwapped = false, bool toSwapped = false)
    {
        if (results.Length < words.Length)
            ThrowTooShort(words.Length, results.Length);
        return (fromSwapped, toSwapped) switch
        {
            (false, false) => TranscodingKernel<TFrom, NativeOrder, TTo, NativeOrder>.Transcode(words, results),
            (false, true) => TranscodingKernel<TFrom, NativeOrder, TTo, SwappedOrder>.Transcode(words, results),
            (true, false) => TranscodingKernel<TFrom, SwappedOrder, TTo, NativeOrder>.Transcode(words, results),
            _ => TranscodingKernel<TFrom, SwappedOrder, TTo, SwappedOrder>.Transcode(words, results),
        };
    }

    private static void ThrowTooShort(int source, int destination) =>
        throw new ArgumentException($"{destination} results do not hold {source} words.", nameof(destination));
}
