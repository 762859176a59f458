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
    /// <summary>Transcodes words.</summary>
    /// <param name="words">Words of tables of <typeparamref name="TFrom"/>.</param>
    /// <param name="results">Where the words of <typeparamref name="TTo"/> go; at least as long. It may be the same memory.</param>
    /// <returns>Whether every type and offset fitted the new fields; bits that did not are dropped, as the kernel's macros do.</returns>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static bool Transcode(ReadOnlySpan<ulong> words, Span<ulong> results) =>
        SwapFormatTranscoder<TFrom, TTo>.Transcode(words, results, GuestOrder<TFrom>.IsSwapped, GuestOrder<TTo>.IsSwapped);
}
