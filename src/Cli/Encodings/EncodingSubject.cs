using System.Numerics;
using System.Runtime.CompilerServices;
using PageTableEmu.Conformance;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Cli.Encodings;

/// <summary>A format of swap entries as the laboratory sees it: facts, and things to run.</summary>
internal abstract class EncodingSubject(string name, int? pageShift, bool swapped)
{
    /// <summary>Its name; no two formats of a comparison have the same.</summary>
    internal string Name { get; private set; } = name;

    /// <summary>Whether its user brought it.</summary>
    internal bool IsOwn { get; private set; }

    /// <summary>log2 of its page size, where one is known.</summary>
    internal int? PageShift { get; } = pageShift;

    /// <summary>Whether its words lie in memory in the other byte order than this processor's.</summary>
    internal bool Swapped { get; } = swapped;

    internal abstract int TypeBits { get; }

    internal abstract int OffsetBits { get; }

    internal abstract int FrameNumberBits { get; }

    internal abstract int TypeShift { get; }

    internal abstract int OffsetShift { get; }

    internal abstract bool IsComplemented { get; }

    /// <summary>Names of the marks that it has.</summary>
    internal abstract IReadOnlyList<string> Marks { get; }

    /// <summary>log2 of the bytes of the largest swap file that its offsets reach.</summary>
    internal int? LargestFileBits => OffsetBits + PageShift;

    /// <summary>Bits of a word that hold neither type, offset nor mark: present bits, what the hardware ignores, what is free.</summary>
    internal int OtherBits => 64 - TypeBits - OffsetBits - Marks.Count;

    /// <summary>This format as one that its user brought.</summary>
    internal EncodingSubject AsOwn(string called)
    {
        (Name, IsOwn) = (called, true);
        return this;
    }

    /// <summary>Tries the laws of type, offset and marks: figures of a format that loses what is put into it mean nothing.</summary>
    internal abstract ConformanceReport TryLaws();

    internal abstract ulong EncodeEach(ReadOnlySpan<ulong> entries);

    internal abstract ulong DecodeEach(ReadOnlySpan<ulong> words);

    internal abstract ulong DecodeBranching(ReadOnlySpan<ulong> words);

    internal abstract ulong MarkEach(ReadOnlySpan<ulong> words, string mark);

    internal abstract void Encode(ReadOnlySpan<ulong> entries, Span<ulong> words);

    internal abstract void Decode(ReadOnlySpan<ulong> words, Span<ulong> entries);

    /// <summary>Whoever transcodes from this format to another, which takes the type argument of both.</summary>
    internal abstract bool TranscodeTo(EncodingSubject to, ReadOnlySpan<ulong> words, Span<ulong> results);

    internal abstract bool TranscodeFrom<TFrom>(ReadOnlySpan<ulong> words, Span<ulong> results, bool fromSwapped)
        where TFrom : struct, ISwapFormat;
}

/// <inheritdoc/>
/// <remarks>
/// The loops over single entries are compiled for good at once: on a busy machine the JIT's second version came after the warm-up had seen nothing
/// change, and all formats took several times as long. The bulk codecs cannot be, because what they fold are fields that are set at the start.
/// </remarks>
internal sealed class EncodingSubject<TFormat>(string name, int? pageShift, bool swapped) : EncodingSubject(name, pageShift, swapped)
    where TFormat : struct, ISwapFormat
{
    internal override int TypeBits => TFormat.SwapTypeBits;

    internal override int OffsetBits => TFormat.SwapOffsetBits;

    internal override int FrameNumberBits => TFormat.FrameNumberBits;

    internal override int TypeShift => BitOperations.TrailingZeroCount(TFormat.EncodeSwap(1, 0).Raw ^ TFormat.EncodeSwap(0, 0).Raw);

    internal override int OffsetShift => BitOperations.TrailingZeroCount(TFormat.EncodeSwap(0, 1).Raw ^ TFormat.EncodeSwap(0, 0).Raw);

    internal override bool IsComplemented => TFormat.SwapOffset(default) != 0;

    internal override IReadOnlyList<string> Marks =>
    [
        .. TFormat.HasSwapExclusive ? ["exclusive"] : Array.Empty<string>(),
        .. TFormat.HasSwapSoftDirty ? ["soft-dirty"] : Array.Empty<string>(),
        .. TFormat.HasSwapUffdWp ? ["uffd-wp"] : Array.Empty<string>(),
    ];

    internal override ConformanceReport TryLaws() => SwapFormatConformance.RunFields<TFormat>();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override ulong EncodeEach(ReadOnlySpan<ulong> entries)
    {
        ulong sum = 0;
        foreach (ulong value in entries)
        {
            var entry = new SwapEntry(value);
            sum += TFormat.EncodeSwap(entry.Type, entry.Offset).Raw;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override ulong DecodeEach(ReadOnlySpan<ulong> words)
    {
        ulong sum = 0;
        foreach (ulong word in words)
            sum += TFormat.SwapOffset(new Pte(word)) + TFormat.SwapType(new Pte(word));
        return sum;
    }

    /// <summary>As a reader that does different things for different entries: the branches are the measured thing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override ulong DecodeBranching(ReadOnlySpan<ulong> words)
    {
        ulong sum = 0;
        foreach (ulong word in words)
        {
            var entry = new Pte(word);
            if (TFormat.IsSwapExclusive(entry))
                sum += TFormat.SwapOffset(entry);
            else if (TFormat.SwapType(entry) == 1)
                sum ^= TFormat.SwapOffset(entry) << 1;
        }

        return sum;
    }

    internal override ulong MarkEach(ReadOnlySpan<ulong> words, string mark) => mark switch
    {
        "exclusive" => MarkExclusive(words),
        "soft-dirty" => MarkSoftDirty(words),
        _ => MarkUffdWp(words),
    };

    internal override void Encode(ReadOnlySpan<ulong> entries, Span<ulong> words) => SwapFormatCodec<TFormat>.Encode(entries, words, Swapped);

    internal override void Decode(ReadOnlySpan<ulong> words, Span<ulong> entries) => SwapFormatCodec<TFormat>.Decode(words, entries, Swapped);

    internal override bool TranscodeTo(EncodingSubject to, ReadOnlySpan<ulong> words, Span<ulong> results) =>
        to.TranscodeFrom<TFormat>(words, results, Swapped);

    internal override bool TranscodeFrom<TFrom>(ReadOnlySpan<ulong> words, Span<ulong> results, bool fromSwapped) =>
        SwapFormatTranscoder<TFrom, TFormat>.Transcode(words, results, fromSwapped, Swapped);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong MarkExclusive(ReadOnlySpan<ulong> words)
    {
        ulong sum = 0;
        foreach (ulong word in words)
            sum += TFormat.IsSwapExclusive(new Pte(word)) ? 1 : TFormat.MakeSwapExclusive(new Pte(word)).Raw;
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong MarkSoftDirty(ReadOnlySpan<ulong> words)
    {
        ulong sum = 0;
        foreach (ulong word in words)
            sum += TFormat.IsSwapSoftDirty(new Pte(word)) ? 1 : TFormat.MakeSwapSoftDirty(new Pte(word)).Raw;
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong MarkUffdWp(ReadOnlySpan<ulong> words)
    {
        ulong sum = 0;
        foreach (ulong word in words)
            sum += TFormat.IsSwapUffdWp(new Pte(word)) ? 1 : TFormat.MakeSwapUffdWp(new Pte(word)).Raw;
        return sum;
    }
}
