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

    /// <summary>One word with one bit that a fitting word has not: alone among words that fit, at any place, whoever looks at it.</summary>
    [Fact]
    public void What_is_lost_is_told_wherever_it_lies()
    {
        ulong[] words = [.. Enumerable.Repeat(Guest<TFrom>(TFrom.EncodeSwap(1, 1)), Run)];
        CheckLost(words, -1, false);
        for (int bit = 0; bit < 64; bit++)
        {
            ulong fitting = words[0];
            bool lost = IsLost(fitting ^ (1UL << bit));
            for (int place = 0; place < Run; place++)
            {
                words[place] ^= 1UL << bit;
                CheckLost(words, place, lost);
                words[place] = fitting;
            }
        }
    }

    /// <summary>As the other, where there are enough words for two pages side by side.</summary>
    [Fact]
    public void What_is_lost_is_told_in_a_long_run()
    {
        ulong fitting = Guest<TFrom>(TFrom.EncodeSwap(1, 1));
        int[] lost = [.. Enumerable.Range(0, 64).Where(bit => IsLost(fitting ^ (1UL << bit)))];
        if (lost.Length == 0)
            return;
        ulong[] words = [.. Enumerable.Repeat(fitting, LongRun)];
        CheckLost(words, -1, false);
        for (int place = 0; place < LongRun; place++)
        {
            words[place] ^= 1UL << lost[place % lost.Length];
            CheckLost(words, place, true);
            words[place] = fitting;
        }
    }

    // Words for all lengths of loops, and some after them.
    private const int Run = 64 + 32 + 16 + 8 + 4 + 3;
    private const int LongRun = 1024 + 16 + 8 + 5;

    private delegate bool Scalar(ReadOnlySpan<ulong> words, Span<ulong> results);

    private delegate bool Told(ulong seen);

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

    private static Scalar KernelScalar => (GuestOrder<TFrom>.IsSwapped, GuestOrder<TTo>.IsSwapped) switch
    {
        (false, false) => TranscodingKernel<TFrom, NativeOrder, TTo, NativeOrder>.TranscodeScalar,
        (false, true) => TranscodingKernel<TFrom, NativeOrder, TTo, SwappedOrder>.TranscodeScalar,
        (true, false) => TranscodingKernel<TFrom, SwappedOrder, TTo, NativeOrder>.TranscodeScalar,
        _ => TranscodingKernel<TFrom, SwappedOrder, TTo, SwappedOrder>.TranscodeScalar,
    };

    private static Told HasLost => (GuestOrder<TFrom>.IsSwapped, GuestOrder<TTo>.IsSwapped) switch
    {
        (false, false) => TranscodingKernel<TFrom, NativeOrder, TTo, NativeOrder>.HasLost,
        (false, true) => TranscodingKernel<TFrom, NativeOrder, TTo, SwappedOrder>.HasLost,
        (true, false) => TranscodingKernel<TFrom, SwappedOrder, TTo, NativeOrder>.HasLost,
        _ => TranscodingKernel<TFrom, SwappedOrder, TTo, SwappedOrder>.HasLost,
    };

    /// <summary>What the formats' members say: that the fields of a word are too large for the other format.</summary>
    private static bool IsLost(ulong word)
    {
        Pte entry = PageTables<TFrom, Mainline>.Load(ref word);
        return TFrom.SwapType(entry) >= 1u << TTo.SwapTypeBits
            || TTo.SwapOffset(TTo.EncodeSwap(0, TFrom.SwapOffset(entry))) != TFrom.SwapOffset(entry);
    }

    private static void CheckLost(ulong[] words, int place, bool lost)
    {
        ulong[] results = new ulong[words.Length];
        Assert.Equal(!lost, SwapTranscoder<TFrom, TTo>.Transcode(words, results));
        Assert.Equal(!lost, KernelScalar(words, results));
        CheckLost(Vector512.IsHardwareAccelerated, Kernel512, words, results, place, lost);
        CheckLost(Vector256.IsHardwareAccelerated, Kernel256, words, results, place, lost);
    }

    private static void CheckLost(bool exists, Kernel kernel, ulong[] words, ulong[] results, int place, bool lost)
    {
        if (!exists)
            return;
        foreach (nint around in new[] { nint.MaxValue, 1 })
        {
            ulong seen = 0;
            int done = kernel(words, results, ref seen, around);
            Assert.True(done > words.Length - 8);
            Assert.Equal(lost && place < done, HasLost(seen));
        }

        ulong inPlace = 0;
        ulong[] both = [.. words];
        Assert.Equal(lost && place < kernel(both, both, ref inPlace, 1), HasLost(inPlace));
    }

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
