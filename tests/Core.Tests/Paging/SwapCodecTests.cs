using System.Runtime.Intrinsics;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>The bulk codec against the formats' own members, word by word, on every path that the processor has.</summary>
public abstract class SwapCodecTests<TArch>
    where TArch : struct, IArchitecture
{
    private delegate int Path(ReadOnlySpan<ulong> source, Span<ulong> destination, nint around);

    public static TheoryData<int> Lengths => [0, 1, 3, 4, 7, 8, 9, 31, 512, 1021, (1 << 16) - 1, (1 << 16) + 77];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Decode_equals_the_format_for_any_word(int length)
    {
        ulong[] words = Patterns(length);
        ulong[] entries = new ulong[length];
        SwapCodec<TArch>.Decode(words, entries);
        for (int i = 0; i < length; i++)
        {
            Pte entry = PageTables<TArch, Mainline>.Load(ref words[i]);
            Assert.Equal(new SwapEntry(TArch.SwapType(entry), TArch.SwapOffset(entry)).Value, entries[i]);
        }

        CheckPath(Vector512.IsHardwareAccelerated, SwapCodec<TArch>.Decode512, words, entries);
        CheckPath(Vector256.IsHardwareAccelerated, SwapCodec<TArch>.Decode256, words, entries);
        ulong[] offsets = new ulong[length];
        byte[] types = new byte[length];
        SwapCodec<TArch>.Decode(words, offsets, types);
        Assert.Equal(entries.Select(entry => new SwapEntry(entry)).Select(entry => (entry.Type, entry.Offset)),
            types.Zip(offsets, (type, offset) => ((uint)type & 63, offset)));
        SwapCodec<TArch>.Decode(words, words);
        Assert.Equal(entries, words);
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Encode_equals_the_format_for_any_entry(int length)
    {
        ulong[] entries = Patterns(length);
        ulong[] words = new ulong[length];
        SwapCodec<TArch>.Encode(entries, words);
        for (int i = 0; i < length; i++)
        {
            var entry = new SwapEntry(entries[i]);
            Assert.Equal(TArch.EncodeSwap(entry.Type, entry.Offset), PageTables<TArch, Mainline>.Load(ref words[i]));
        }

        CheckPath(Vector512.IsHardwareAccelerated, SwapCodec<TArch>.Encode512, entries, words);
        CheckPath(Vector256.IsHardwareAccelerated, SwapCodec<TArch>.Encode256, entries, words);
    }

    // The lengths have results with and without two pages side by side, and places before and after the whole lines.
    [Theory]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(200)]
    [InlineData(1500)]
    [InlineData((1 << 16) + 77)]
    public void Results_that_go_around_the_caches_are_the_same_wherever_they_lie(int length)
    {
        ulong[] words = Patterns(length);
        for (int place = 0; place < 9; place++)
        {
            ulong[] expected = new ulong[length];
            SwapCodec<TArch>.Decode(words, expected);
            CheckAround(Vector512.IsHardwareAccelerated, SwapCodec<TArch>.Decode512, words, expected, place);
            CheckAround(Vector256.IsHardwareAccelerated, SwapCodec<TArch>.Decode256, words, expected, place);
            CheckApart(words, expected, place);
            SwapCodec<TArch>.Encode(words, expected);
            CheckAround(Vector512.IsHardwareAccelerated, SwapCodec<TArch>.Encode512, words, expected, place);
            CheckAround(Vector256.IsHardwareAccelerated, SwapCodec<TArch>.Encode256, words, expected, place);
        }
    }

    [Fact]
    public void Every_length_and_place_gives_what_the_words_give_one_by_one()
    {
        ulong[] words = Patterns(209);
        for (int length = 0; length <= 200; length++)
        {
            int place = length % 9;
            ReadOnlySpan<ulong> some = words.AsSpan(place, length);
            ulong[] expected = new ulong[length];
            ulong[] result = new ulong[length + 9];
            SwapKernel<TArch, NativeOrder>.DecodeScalar(some, expected);
            SwapKernel<TArch, NativeOrder>.Decode(some, result.AsSpan(length % 7));
            Assert.Equal(expected, result.AsSpan(length % 7, length));
            Assert.All(result[(length + (length % 7))..], word => Assert.Equal(0UL, word));
            SwapKernel<TArch, SwappedOrder>.EncodeScalar(some, expected);
            ulong[] inPlace = some.ToArray();
            SwapKernel<TArch, SwappedOrder>.Encode(inPlace, inPlace);
            Assert.Equal(expected, inPlace);
        }
    }

    [Fact]
    public void The_vector_paths_serve_this_architecture() => Assert.True(SwapFields.Of<TArch>().AreLinear);

    [Fact]
    public void A_short_destination_is_refused()
    {
        Assert.Throws<ArgumentException>(() => SwapCodec<TArch>.Decode(new ulong[2], new ulong[1]));
        Assert.Throws<ArgumentException>(() => SwapCodec<TArch>.Encode(new ulong[2], new ulong[1]));
        Assert.Throws<ArgumentException>(() => SwapCodec<TArch>.Decode(new ulong[2], new ulong[2], new byte[1]));
    }

    private static void CheckPath(bool exists, Path path, ulong[] source, ulong[] expected)
    {
        if (!exists)
            return;
        ulong[] result = new ulong[source.Length];
        int done = path(source, result, nint.MaxValue);
        Assert.Equal(expected[..done], result[..done]);
    }

    private static void CheckAround(bool exists, Path path, ulong[] source, ulong[] expected, int place)
    {
        if (!exists)
            return;
        ulong[] result = new ulong[source.Length + 10];
        int done = path(source, result.AsSpan(place), 1);
        Assert.True(done > source.Length - 8);
        Assert.Equal(expected[..done], result[place..(place + done)]);
        Assert.All(result[..place], word => Assert.Equal(0UL, word));
        Assert.All(result[(place + done)..], word => Assert.Equal(0UL, word));
        if (place != 0)
            return;
        ulong[] inPlace = [.. source];
        done = path(inPlace, inPlace, 1);
        Assert.Equal(expected[..done], inPlace[..done]);
    }

    private static void CheckApart(ulong[] words, ulong[] entries, int place)
    {
        if (!Vector512.IsHardwareAccelerated)
            return;
        ulong[] offsets = new ulong[words.Length + 10];
        byte[] types = new byte[words.Length];
        int done = SwapCodec<TArch>.Apart512(words, offsets.AsSpan(place), types, 1);
        Assert.True(done > words.Length - 8);
        Assert.Equal(entries[..done].Select(entry => new SwapEntry(entry)).Select(entry => (entry.Type, entry.Offset)),
            types[..done].Zip(offsets[place..(place + done)], (type, offset) => ((uint)type & 63, offset)));
    }

    // Each bit alone, each bit missing, and random words.
    private static ulong[] Patterns(int length)
    {
        var random = new Random(5);
        return [.. Enumerable.Range(0, length).Select(i => i < 64 ? 1UL << i : i < 128 ? ~(1UL << i) : (ulong)random.NextInt64() << random.Next(2))];
    }
}

public sealed class X64FourLevelSwapCodec : SwapCodecTests<X64FourLevel>;

public sealed class X64FiveLevelSwapCodec : SwapCodecTests<X64FiveLevel>;

public sealed class Sun4uSwapCodec : SwapCodecTests<Sun4u>;

public sealed class Sun4vSwapCodec : SwapCodecTests<Sun4v>;

public sealed class Sun4vM7SwapCodec : SwapCodecTests<Sun4vM7>;
