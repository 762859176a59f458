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
    public static TheoryData<EntryKind, int> Cases
    {
        get
        {
            var cases = new TheoryData<EntryKind, int>();
            foreach (EntryKind kind in Enum.GetValues<EntryKind>())
            {
                foreach (int length in new[] { 0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 512, 1021 })
                    cases.Add(kind, length);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_form_of_result_names_the_same_entries(EntryKind kind, int length)
    {
        ulong[] words = Words(length);
        uint[] expected = [.. Enumerable.Range(0, length).Where(i => Is(words[i], kind)).Select(i => (uint)i)];
        Assert.Equal(expected.Length, EntryScan<TArch>.Count(words, kind));
        uint[] positions = new uint[length];
        Assert.Equal(expected.Length, EntryScan<TArch>.List(words, kind, positions));
        Assert.Equal(expected, positions[..expected.Length]);
        ulong[] bitmap = new ulong[(length + 63) / 64];
        bitmap.AsSpan().Fill(ulong.MaxValue);
        EntryScan<TArch>.Mark(words, kind, bitmap);
        Assert.Equal(expected, Enumerable.Range(0, bitmap.Length * 64).Where(i => (bitmap[i / 64] >> (i % 64) & 1) != 0).Select(i => (uint)i));
    }

    [Fact]
    public void Making_old_changes_the_young_and_nothing_else()
    {
        foreach (int length in new[] { 5, 64, 509 })
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
