using System.Buffers.Binary;
using PageTableEmu.Arch.Formats;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Arch.Tests;

/// <summary>Many entries at once are what each is by itself, for formats of which only the swap entries are known.</summary>
public abstract class SwapBulkTests<TFormat>
    where TFormat : struct, ISwapFormat
{
    private const int Longest = 70;

    private static IEnumerable<bool> Orders => [false, true];

    [Fact]
    public void Fields_are_found_in_any_words()
    {
        ulong[] words = AnyWords();
        foreach (bool swapped in Orders)
        {
            for (int length = 0; length <= Longest; length++)
            {
                ulong[] some = words[length..(2 * length)];
                SwapEntry[] expected = [.. some.Select(word => Entry(word, swapped))];
                ulong[] entries = new ulong[length];
                SwapFormatCodec<TFormat>.Decode(some, entries, swapped);
                Assert.Equal(expected.Select(entry => entry.Value), entries);
                ulong[] offsets = new ulong[length];
                byte[] types = new byte[length];
                SwapFormatCodec<TFormat>.Decode(some, offsets, types, swapped);
                Assert.Equal(some.Select(word => TFormat.SwapOffset(new Pte(InOrder(word, swapped)))), offsets);
                Assert.Equal(some.Select(word => (byte)TFormat.SwapType(new Pte(InOrder(word, swapped)))), types);
                SwapFormatCodec<TFormat>.Decode(some, some, swapped); // in place
                Assert.Equal(entries, some);
            }
        }
    }

    [Fact]
    public void Any_entries_are_coded()
    {
        ulong[] any = AnyWords();
        foreach (bool swapped in Orders)
        {
            for (int length = 0; length <= Longest; length++)
            {
                ulong[] some = any[length..(2 * length)];
                ulong[] expected = [.. some.Select(value => new SwapEntry(value))
                    .Select(entry => InOrder(TFormat.EncodeSwap(entry.Type, entry.Offset).Raw, swapped))];
                ulong[] words = new ulong[length];
                SwapFormatCodec<TFormat>.Encode(some, words, swapped);
                Assert.Equal(expected, words);
                SwapFormatCodec<TFormat>.Encode(some, some, swapped); // in place
                Assert.Equal(expected, some);
            }
        }
    }

    [Fact]
    public void What_fits_comes_back()
    {
        var random = new Random(11);
        foreach (bool swapped in Orders)
        {
            for (int length = 0; length <= Longest; length++)
            {
                ulong[] entries = [.. Enumerable.Range(0, length).Select(_ => new SwapEntry((uint)random.Next(1 << Math.Min(5, TFormat.SwapTypeBits)),
                    (ulong)random.NextInt64(1L << Math.Min(50, TFormat.SwapOffsetBits))).Value)];
                ulong[] words = new ulong[length];
                SwapFormatCodec<TFormat>.Encode(entries, words, swapped);
                SwapFormatCodec<TFormat>.Decode(words, words, swapped);
                Assert.Equal(entries, words);
            }
        }
    }

    /// <summary>To another format and from it, with and without words that do not fit there.</summary>
    [Fact]
    public void Words_of_x86_64_come_and_go()
    {
        ulong[] any = AnyWords();
        foreach (bool swapped in Orders)
        {
            for (int length = 0; length <= Longest; length++)
            {
                ulong[] some = any[length..(2 * length)];
                ulong[] one = new ulong[length];
                ulong[] all = new ulong[length];
                bool fits = true;
                for (int i = 0; i < length; i++)
                    fits &= SwapFormatTranscoder<X64FourLevel, TFormat>.Transcode(some.AsSpan(i, 1), one.AsSpan(i), false, swapped);
                Assert.Equal(fits, SwapFormatTranscoder<X64FourLevel, TFormat>.Transcode(some, all, false, swapped));
                Assert.Equal(one, all);
                fits = true;
                for (int i = 0; i < length; i++)
                    fits &= SwapFormatTranscoder<TFormat, X64FourLevel>.Transcode(some.AsSpan(i, 1), one.AsSpan(i), swapped);
                Assert.Equal(fits, SwapFormatTranscoder<TFormat, X64FourLevel>.Transcode(some, some, swapped)); // in place
                Assert.Equal(one, some);
            }
        }
    }

    private static SwapEntry Entry(ulong word, bool swapped)
    {
        var entry = new Pte(InOrder(word, swapped));
        return new SwapEntry(TFormat.SwapType(entry), TFormat.SwapOffset(entry));
    }

    private static ulong InOrder(ulong word, bool swapped) =>
        swapped ? BinaryPrimitives.ReverseEndianness(word) : word;

    // Among them each bit alone and each bit missing.
    private static ulong[] AnyWords()
    {
        var random = new Random(7);
        return [.. Enumerable.Range(0, 2 * Longest).Select(i => (i % 3) switch
        {
            0 => 1UL << (i & 63),
            1 => ~(1UL << (i & 63)),
            _ => (ulong)random.NextInt64() << random.Next(2),
        })];
    }
}

public sealed class Riscv64SwapBulk : SwapBulkTests<Riscv64Swap>;

public sealed class S390xSwapBulk : SwapBulkTests<S390xSwap>;

public sealed class S390xSegmentSwapBulk : SwapBulkTests<S390xSegmentSwap>;

public sealed class Ppc64RadixSwapBulk : SwapBulkTests<Ppc64RadixSwap>;

public sealed class Ppc64Radix4kSwapBulk : SwapBulkTests<Ppc64Radix4kSwap>;

public sealed class LoongArch64SwapBulk : SwapBulkTests<LoongArch64Swap>;

public sealed class LoongArch64PmdSwapBulk : SwapBulkTests<LoongArch64PmdSwap>;
