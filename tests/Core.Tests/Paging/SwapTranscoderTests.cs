using System.Runtime.Intrinsics;
using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>Transcoded words hold what the formats' own members say they hold.</summary>
public abstract class SwapTranscoderTests<TFrom, TTo>
    where TFrom : struct, IArchitecture
    where TTo : struct, IArchitecture
{
    private static readonly int TypeBits = Math.Min(TFrom.SwapTypeBits, TTo.SwapTypeBits);
    private static readonly int OffsetBits = Math.Min(TFrom.SwapOffsetBits, TTo.SwapOffsetBits);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(200)]
    public void Fields_and_common_marks_arrive(int length)
    {
        var random = new Random(length);
        Pte[] entries = [.. Enumerable.Range(0, length).Select(_ => Marked<TFrom>(
            TFrom.EncodeSwap((uint)random.Next(1 << TypeBits), (ulong)random.NextInt64(1L << OffsetBits)), random.Next(8)))];
        ulong[] words = [.. entries.Select(Guest<TFrom>)];
        ulong[] expected = [.. entries.Select(entry => Guest<TTo>(Expected(entry)))];
        ulong[] results = new ulong[length];
        Assert.True(SwapTranscoder<TFrom, TTo>.Transcode(words, results));
        Assert.Equal(expected, results);
        Assert.True(SwapTranscoder<TFrom, TTo>.Transcode(words, words)); // in place
        Assert.Equal(expected, words);
    }

    /// <summary>Any words, of any length: what vectors make of them is what the formats' members make of each.</summary>
    [Fact]
    public void Every_length_gives_what_the_words_give_one_by_one()
    {
        var random = new Random(3);
        ulong[] any = [.. Enumerable.Range(0, 1200).Select(_ => (ulong)random.NextInt64() << random.Next(2))];
        foreach (int length in Enumerable.Range(0, 201).Append(1200))
        {
            ulong[] expected = new ulong[length];
            for (int i = 0; i < length; i++)
                SwapTranscoder<TFrom, TTo>.Transcode(any.AsSpan(i, 1), expected.AsSpan(i, 1));
            ulong[] results = new ulong[length + 9];
            SwapTranscoder<TFrom, TTo>.Transcode(any.AsSpan(0, length), results.AsSpan(length % 9));
            Assert.Equal(expected, results.AsSpan(length % 9, length));
            CheckKernel(Vector512.IsHardwareAccelerated, Kernel512, any.AsSpan(0, length), expected);
            CheckKernel(Vector256.IsHardwareAccelerated, Kernel256, any.AsSpan(0, length), expected);
        }
    }

    [Fact]
    public void What_does_not_fit_is_told()
    {
        Pte[] tooLarge =
        [
            .. TFrom.SwapOffsetBits > TTo.SwapOffsetBits ? [TFrom.EncodeSwap(0, 1UL << TTo.SwapOffsetBits)] : Array.Empty<Pte>(),
            .. TFrom.SwapTypeBits > TTo.SwapTypeBits ? [TFrom.EncodeSwap(1u << TTo.SwapTypeBits, 1)] : Array.Empty<Pte>(),
        ];
        foreach (Pte entry in tooLarge)
        {
            foreach (int place in new[] { 0, 17, 39 }) // among those done by vectors and after them
            {
                ulong[] words = [.. Enumerable.Repeat(Guest<TFrom>(TFrom.EncodeSwap(1, 1)), 40)];
                words[place] = Guest<TFrom>(entry);
                Assert.False(SwapTranscoder<TFrom, TTo>.Transcode(words, words));
            }
        }

        Assert.Throws<ArgumentException>(() => SwapTranscoder<TFrom, TTo>.Transcode(new ulong[2], new ulong[1]));
    }

    private delegate int Kernel(ReadOnlySpan<ulong> words, Span<ulong> results, ref ulong seen, nint around);

    private static Kernel Kernel512 => (GuestOrder<TFrom>.IsSwapped, GuestOrder<TTo>.IsSwapped) switch
    {
        (false, false) => TranscodingKernel<TFrom, NativeOrder, TTo, NativeOrder>.Transcode512,
        (false, true) => TranscodingKernel<TFrom, NativeOrder, TTo, SwappedOrder>.Transcode512,
        (true, false) => TranscodingKernel<TFrom, SwappedOrder, TTo, NativeOrder>.Transcode512,
        _ => TranscodingKernel<TFrom, SwappedOrder, TTo, SwappedOrder>.Transcode512,
    };

    private static Kernel Kernel256 => (GuestOrder<TFrom>.IsSwapped, GuestOrder<TTo>.IsSwapped) switch
    {
        (false, false) => TranscodingKernel<TFrom, NativeOrder, TTo, NativeOrder>.Transcode256,
        (false, true) => TranscodingKernel<TFrom, NativeOrder, TTo, SwappedOrder>.Transcode256,
        (true, false) => TranscodingKernel<TFrom, SwappedOrder, TTo, NativeOrder>.Transcode256,
        _ => TranscodingKernel<TFrom, SwappedOrder, TTo, SwappedOrder>.Transcode256,
    };

    private static void CheckKernel(bool exists, Kernel kernel, ReadOnlySpan<ulong> words, ulong[] expected)
    {
        if (!exists)
            return;
        ulong seen = 0;
        foreach (nint around in new[] { nint.MaxValue, 1 })
        {
            ulong[] results = new ulong[words.Length];
            int done = kernel(words, results, ref seen, around);
            Assert.Equal(expected[..done], results[..done]);
        }
    }

    private static Pte Marked<TArch>(Pte entry, int marks)
        where TArch : struct, IArchitecture
    {
        entry = (marks & 1) != 0 ? TArch.MakeSwapExclusive(entry) : entry;
        entry = (marks & 2) != 0 ? TArch.MakeSwapSoftDirty(entry) : entry;
        return (marks & 4) != 0 ? TArch.MakeSwapUffdWp(entry) : entry;
    }

    private static Pte Expected(Pte entry) => Marked<TTo>(
        TTo.EncodeSwap(TFrom.SwapType(entry), TFrom.SwapOffset(entry)),
        (TFrom.IsSwapExclusive(entry) ? 1 : 0) | (TFrom.IsSwapSoftDirty(entry) ? 2 : 0) | (TFrom.IsSwapUffdWp(entry) ? 4 : 0));

    private static ulong Guest<TArch>(Pte entry)
        where TArch : struct, IArchitecture
    {
        ulong word = 0;
        PageTables<TArch, Mainline>.Store(ref word, entry);
        return word;
    }
}

public sealed class X64ToSun4v : SwapTranscoderTests<X64FourLevel, Sun4v>;

public sealed class Sun4vToX64 : SwapTranscoderTests<Sun4v, X64FourLevel>;

public sealed class Arm64ToX64 : SwapTranscoderTests<Arm64FourLevel, X64FourLevel>;

public sealed class X64ToArm64 : SwapTranscoderTests<X64FiveLevel, Arm64FourLevel>;
