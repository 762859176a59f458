using System.Runtime.InteropServices;
using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>Scans against the architecture's own answers, entry by entry.</summary>
public abstract class EntryScanTests<TArch>
    where TArch : struct, IArchitecture
{
    public static TheoryData<EntryKind> Kinds => [.. Enum.GetValues<EntryKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_form_of_result_names_the_same_entries(EntryKind kind)
    {
        foreach (int length in (int[])[.. Enumerable.Range(0, 300), 512, 1021])
        {
            ulong[] words = Words(length + 7);
            int offset = length % 8;
            Check(words.AsSpan(offset, length), kind);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_bit_of_every_entry_counts_for_its_entry_only(EntryKind kind)
    {
        ulong[] backgrounds = [0, ulong.MaxValue, Guest(TArch.MakeLeaf(0, TArch.ProtectionOf(AccessRights.Read), 1)), Guest(TArch.EncodeSwap(1, 1))];
        foreach (ulong background in backgrounds)
        {
            ulong[] words = new ulong[64];
            words.AsSpan().Fill(background);
            for (int i = 0; i < 64; i++)
            {
                for (int bit = 0; bit < 64; bit++)
                {
                    words[i] = background ^ (1UL << bit);
                    Check(words, kind);
                }

                words[i] = background;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Words_of_any_bits_are_told_apart(EntryKind kind)
    {
        var random = new Random(7);
        for (int round = 0; round < 500; round++)
        {
            ulong[] words = new ulong[64 + random.Next(80)];
            random.NextBytes(MemoryMarshal.AsBytes(words.AsSpan()));
            foreach (ref ulong word in words.AsSpan())
                word &= random.Next(3) == 0 ? ulong.MaxValue : (ulong)random.NextInt64() & (ulong)random.NextInt64() << 1; // or few bits
            Check(words, kind);
        }
    }

    [Fact]
    public void Making_old_changes_the_young_and_nothing_else()
    {
        foreach (int length in new[] { 0, 5, 64, 65, 127, 128, 509 })
        {
            ulong[] words = Words(length);
            ulong[] mainline = [.. words];
            ulong[] expected = [.. words.Select(word => Is(word, EntryKind.Young) ? Guest(TArch.MakeOld(Entry(word))) : word)];
            int young = EntryScan<TArch>.Count(words, EntryKind.Young);
            Assert.Equal(young, EntryScan<TArch>.ClearYoung<CheckedModel>(words));
            Assert.Equal(young, EntryScan<TArch>.ClearYoung<Mainline>(mainline));
            Assert.Equal(expected, words);
            Assert.Equal(expected, mainline);
        }
    }

    [Fact]
    public void Short_destinations_are_refused()
    {
        Assert.Throws<ArgumentException>(() => EntryScan<TArch>.Mark(new ulong[65], EntryKind.Young, new ulong[1]));
        Assert.Throws<ArgumentException>(() => EntryScan<TArch>.List(new ulong[9], EntryKind.Young, new uint[8]));
    }

    [Fact]
    public void Vectors_serve_this_architecture() =>
        Assert.True(EntryTest.Present<TArch>(1).IsMask && EntryTest.Something<TArch>(1).IsMask && EntryTest.Young<TArch>().IsMask);

    private static void Check(ReadOnlySpan<ulong> words, EntryKind kind)
    {
        List<uint> expected = [];
        ulong[] bits = new ulong[(words.Length + 63) / 64];
        for (int i = 0; i < words.Length; i++)
        {
            if (!Is(words[i], kind))
                continue;
            expected.Add((uint)i);
            bits[i / 64] |= 1UL << (i % 64);
        }

        Assert.Equal(expected.Count, EntryScan<TArch>.Count(words, kind));
        uint[] positions = new uint[words.Length];
        Assert.Equal(expected.Count, EntryScan<TArch>.List(words, kind, positions));
        Assert.True(expected.SequenceEqual(positions[..expected.Count]));
        ulong[] bitmap = new ulong[bits.Length];
        bitmap.AsSpan().Fill(ulong.MaxValue);
        EntryScan<TArch>.Mark(words, kind, bitmap);
        Assert.True(bits.SequenceEqual(bitmap));
    }

    private static bool Is(ulong word, EntryKind kind) => kind switch
    {
        EntryKind.Present => TArch.IsPresent(Entry(word), 1),
        EntryKind.Young => TArch.IsPresent(Entry(word), 1) && TArch.IsYoung(Entry(word)),
        _ => !TArch.IsPresent(Entry(word), 1) && !TArch.IsNone(Entry(word), 1),
    };

    private static Pte Entry(ulong word) => PageTables<TArch, Mainline>.Load(ref word);

    private static ulong Guest(Pte entry)
    {
        ulong word = 0;
        PageTables<TArch, Mainline>.Store(ref word, entry);
        return word;
    }

    // Leaves old and young, with and without access, swap entries, nothing, and words that mean nothing.
    private static ulong[] Words(int length)
    {
        var random = new Random(length);
        Protection[] protections = [TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared), TArch.ProtectionOf(default)];
        return [.. Enumerable.Range(0, length).Select(_ =>
        {
            Pte leaf = TArch.MakeLeaf((ulong)random.Next(1 << 20), protections[random.Next(2)], 1);
            return random.Next(6) switch
            {
                0 => 0UL,
                1 => Guest(TArch.EncodeSwap((uint)random.Next(4), (ulong)random.Next(1, 1 << 20))),
                2 => Guest(TArch.MakeOld(leaf)),
                3 => (ulong)random.NextInt64() << random.Next(2),
                _ => Guest(leaf),
            };
        })];
    }
}

public sealed class X64EntryScan : EntryScanTests<X64FourLevel>;

public sealed class Sun4vEntryScan : EntryScanTests<Sun4v>;

public sealed class Sun4uEntryScan : EntryScanTests<Sun4u>;

public sealed class Arm64EntryScan : EntryScanTests<Arm64FourLevel>;
