using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Tests;

/// <summary>Laws that every format obeys, whatever its bits.</summary>
public abstract class FormatLaws<TArch>
    where TArch : struct, IArchitecture, IEntryNames
{
    private static readonly AccessRights[] AllRights = [.. Enumerable.Range(0, 16).Select(rights => (AccessRights)rights)];

    private static readonly Flag[] Flags =
    [
        new("young", TArch.IsYoung, TArch.MakeYoung, TArch.MakeOld, "young"),
        new("dirty", TArch.IsDirty, TArch.MakeDirty, TArch.MakeClean, "dirty soft-dirty"),
        new("write", TArch.IsWritable, TArch.MakeWritable, TArch.WriteProtect, "write"),
        new("soft-dirty", TArch.IsSoftDirty, TArch.MakeSoftDirty, TArch.ClearSoftDirty, "soft-dirty"),
        new("uffd-wp", TArch.IsUffdWp, TArch.MakeUffdWp, TArch.ClearUffdWp, "uffd-wp write"),
    ];

    private static IEnumerable<int> LeafLevels => Enumerable.Range(1, TArch.Levels).Where(TArch.LeafAllowed);

    [Fact]
    public void Every_operation_changes_its_own_flag_only_whatever_the_others_are()
    {
        foreach (Pte start in Leaves())
        {
            for (uint subset = 0; subset < 1u << Flags.Length; subset++)
            {
                Pte entry = Apply(start, subset);
                foreach (Flag flag in Flags)
                    CheckFlag(flag, entry);
            }
        }
    }

    [Fact]
    public void An_entry_says_which_flags_were_applied_last()
    {
        foreach (Pte start in Leaves())
        {
            for (uint subset = 0; subset < 1u << Flags.Length; subset++)
            {
                Pte entry = Apply(start, subset);
                bool uffdWp = TArch.HasUffdWp && (subset & 16) != 0;
                Assert.Equal((subset & 1) != 0, TArch.IsYoung(entry));
                Assert.Equal((subset & 2) != 0, TArch.IsDirty(entry));
                Assert.Equal((subset & 4) != 0 && !uffdWp, TArch.IsWritable(entry));
                Assert.Equal(TArch.HasSoftDirty && (subset & 8) != 0, TArch.IsSoftDirty(entry));
                Assert.Equal(uffdWp, TArch.IsUffdWp(entry));
            }
        }
    }

    [Fact]
    public void Special_is_sticky_and_touches_nothing_else()
    {
        foreach (Pte entry in Leaves())
        {
            Pte special = TArch.MakeSpecial(entry);
            Assert.False(TArch.IsSpecial(entry));
            Assert.True(TArch.IsSpecial(special));
            Assert.Equal(1, BitOperations.PopCount(special.Raw ^ entry.Raw));
            Assert.Equal(special, TArch.MakeSpecial(special));
        }
    }

    [Fact]
    public void A_leaf_has_the_rights_and_the_frame_it_was_made_with()
    {
        foreach (int level in LeafLevels)
        {
            foreach (AccessRights rights in AllRights)
            {
                foreach (ulong frame in Frames(level))
                {
                    Pte entry = TArch.MakeLeaf(frame, TArch.ProtectionOf(rights), level);
                    bool any = (rights & ~AccessRights.Shared) != 0;
                    Assert.Equal(frame, TArch.FrameOf(entry, level));
                    Assert.True(TArch.IsPresent(entry, level) && TArch.IsLeaf(entry, level));
                    Assert.False(TArch.IsNone(entry, level) || TArch.IsTable(entry, level) || TArch.IsBad(entry, level));
                    Assert.Equal(!any, TArch.IsProtNone(entry));
                    Assert.Equal(rights.HasFlag(AccessRights.Write | AccessRights.Shared), TArch.IsWritable(entry));
                    Assert.True(TArch.IsYoung(entry));
                    Assert.False(TArch.IsDirty(entry) || TArch.IsSpecial(entry) || TArch.IsSoftDirty(entry) || TArch.IsUffdWp(entry));
                    if (any)
                        Assert.Equal(rights.HasFlag(AccessRights.Execute), TArch.IsExecutable(entry));
                }
            }
        }
    }

    [Fact]
    public void Modify_keeps_frame_age_and_marks_and_takes_the_new_rights()
    {
        foreach (int level in LeafLevels)
        {
            foreach (Pte start in LeavesOf(level))
            {
                for (uint subset = 0; subset < 1u << Flags.Length; subset++)
                {
                    Pte old = Apply(start, subset);
                    foreach (AccessRights rights in AllRights)
                        CheckModify(TArch.MakeSpecial(old), rights, level);
                }
            }
        }
    }

    [Fact]
    public void Advance_moves_the_frame_and_nothing_else_even_when_it_is_stored_inverted()
    {
        foreach (int level in LeafLevels)
        {
            ulong step = 1UL << (TArch.LevelShift(level) - TArch.PageShift);
            foreach (Pte start in LeavesOf(level))
            {
                ulong frame = TArch.FrameOf(start, level);
                Pte first = Apply(TArch.MakeLeaf(0, TArch.ProtectionOf(AccessRights.None), level), 0);
                Assert.Equal(step * 5, TArch.FrameOf(TArch.Advance(first, step * 5, level), level));
                if (frame + step < frame || frame >= MaxFrame - step)
                    continue;
                Pte next = TArch.Advance(start, step, level);
                Assert.Equal(frame + step, TArch.FrameOf(next, level));
                Assert.Equal(TArch.FlagNames(start, level), TArch.FlagNames(next, level));
            }
        }
    }

    [Fact]
    public void An_invalidated_huge_leaf_stays_present_and_readable_and_is_closed_to_the_hardware()
    {
        // Linux calls an invalidated x86 PUD leaf not present, so the law is about the PMD.
        foreach (Pte entry in LeavesOf(2))
        {
            Pte invalid = TArch.MakeInvalid(entry, 2);
            Assert.True(TArch.IsPresent(invalid, 2) && TArch.IsLeaf(invalid, 2));
            Assert.Equal(TArch.FrameOf(entry, 2), TArch.FrameOf(invalid, 2));
            Assert.All(Enum.GetValues<AccessKind>(), kind => Assert.False(TArch.TryAccess(invalid, kind, 2, out _)));
            Assert.Equal(invalid, TArch.MakeInvalid(invalid, 2));
        }
    }

    [Fact]
    public void Every_word_is_exactly_one_of_none_present_and_soft_leaf_and_a_present_one_exactly_one_of_leaf_table_and_bad() =>
        Prop.ForAll<ulong, byte>((word, shape) =>
        {
            foreach (ulong raw in Shapes(word, shape))
            {
                for (int level = 1; level <= TArch.Levels; level++)
                    CheckExclusion(new Pte(raw), level);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Fact]
    public void A_table_entry_gives_back_its_address()
    {
        for (int level = 2; level <= TArch.Levels; level++)
        {
            foreach (ulong frame in Frames(1).Where(frame => frame != 0))
            {
                ulong address = frame << TArch.PageShift;
                Pte entry = TArch.MakeTable(address);
                Assert.Equal(address, TArch.TableAddress(entry));
                Assert.True(TArch.IsTable(entry, level) && TArch.IsPresent(entry, level));
                Assert.False(TArch.IsLeaf(entry, level) || TArch.IsNone(entry, level) || TArch.IsBad(entry, level));
            }
        }
    }

    [Fact]
    public void Names_and_frame_number_say_the_whole_word() =>
        Prop.ForAll<ulong, byte>((word, shape) =>
        {
            foreach (ulong raw in Shapes(word, shape))
            {
                var entry = new Pte(raw);
                for (int level = 1; level <= TArch.Levels; level++)
                {
                    Assert.Equal(63, TArch.Fields(entry, level)[0].High);
                    Assert.Equal(64, TArch.Fields(entry, level).Sum(field => field.Width));
                    if (!TArch.IsPresent(entry, level))
                        continue;
                    bool table = !TArch.IsLeaf(entry, level);
                    Assert.Null(TArch.ParseFlags(TArch.FlagNames(entry, level), level, table, out Protection flags));
                    ulong frame = table ? TArch.TableAddress(entry) >> TArch.PageShift : TArch.FrameOf(entry, level);
                    Assert.Equal(entry, TArch.Place(frame, flags, level, table));
                }
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Fact]
    public void An_access_marks_the_entry_or_leaves_it_alone()
    {
        foreach (Pte start in Leaves())
        {
            for (uint subset = 0; subset < 1u << Flags.Length; subset++)
            {
                Pte entry = Apply(start, subset);
                foreach (AccessKind kind in Enum.GetValues<AccessKind>())
                    CheckAccess(entry, kind);
            }
        }
    }

    private static void CheckAccess(Pte entry, AccessKind kind)
    {
        bool allowed = TArch.TryAccess(entry, kind, 1, out Pte after);
        bool young = TArch.IsYoung(entry);
        bool dirty = TArch.IsDirty(entry);
        if (TArch.IsProtNone(entry))
            Assert.False(allowed);
        if (!allowed || TArch.BigEndian)
            Assert.Equal(entry, after);
        if (allowed && kind == AccessKind.Write)
            Assert.True(TArch.IsWritable(after) && TArch.IsDirty(after));
        if (allowed && kind == AccessKind.Execute)
            Assert.True(TArch.IsExecutable(after));
        if (allowed)
            Assert.True(TArch.IsYoung(after));

        // Where the hardware keeps no age, an old page and a clean page trap.
        if (TArch.BigEndian && (!young || (kind == AccessKind.Write && !dirty)))
            Assert.False(allowed);
    }

    private static void CheckFlag(Flag flag, Pte entry)
    {
        Pte set = flag.Set(entry);
        Pte clear = flag.Clear(entry);
        Assert.Equal(set, flag.Set(set));
        Assert.Equal(clear, flag.Clear(clear));
        Assert.False(flag.Is(clear));
        foreach (Flag other in Flags.Where(other => !flag.Touches.Split(' ').Contains(other.Name)))
        {
            Assert.Equal(other.Is(entry), other.Is(set));
            Assert.Equal(other.Is(entry), other.Is(clear));
        }

        Assert.Equal(TArch.IsExecutable(entry), TArch.IsExecutable(set));
        Assert.Equal(TArch.IsUser(entry), TArch.IsUser(clear));
        Assert.Equal(TArch.FrameOf(entry, 1), TArch.FrameOf(set, 1));
        Assert.Equal(TArch.FrameOf(entry, 1), TArch.FrameOf(clear, 1));
    }

    private static void CheckModify(Pte old, AccessRights rights, int level)
    {
        Pte entry = TArch.Modify(old, TArch.ProtectionOf(rights), level);
        Assert.Equal(TArch.FrameOf(old, level), TArch.FrameOf(entry, level));
        Assert.Equal(TArch.IsYoung(old), TArch.IsYoung(entry));
        Assert.Equal(TArch.IsDirty(old), TArch.IsDirty(entry));
        Assert.Equal(TArch.IsSoftDirty(old), TArch.IsSoftDirty(entry));
        Assert.Equal(TArch.IsUffdWp(old), TArch.IsUffdWp(entry));
        Assert.True(TArch.IsSpecial(entry));
        Assert.True(TArch.IsPresent(entry, level) && TArch.IsLeaf(entry, level));
        Assert.Equal(rights.HasFlag(AccessRights.Write | AccessRights.Shared), TArch.IsWritable(entry));
        Assert.Equal((rights & ~AccessRights.Shared) == 0, TArch.IsProtNone(entry));
        Assert.Equal(entry, TArch.Modify(entry, TArch.ProtectionOf(rights), level));
    }

    private static void CheckExclusion(Pte entry, int level)
    {
        bool none = TArch.IsNone(entry, level);
        bool present = TArch.IsPresent(entry, level);
        Assert.False(none && present, $"{entry} level {level}");
        int shapes = (TArch.IsLeaf(entry, level) ? 1 : 0) + (TArch.IsTable(entry, level) ? 1 : 0) + (TArch.IsBad(entry, level) ? 1 : 0);
        Assert.True(shapes == (present ? 1 : 0), $"{entry} level {level}: {shapes} shapes");
        if (!TArch.LeafAllowed(level))
            Assert.False(TArch.IsLeaf(entry, level));
        SoftLeafKind kind = SoftLeaf.Decode<TArch>(entry, TArch.DefaultSwapTypes, level).Kind;
        Assert.Equal(none, kind == SoftLeafKind.None);
        Assert.Equal(present, kind == SoftLeafKind.Present);
    }

    // Random words are almost never tables or leaves of a level, so each is also tried with the flags of one.
    private static IEnumerable<ulong> Shapes(ulong word, byte shape)
    {
        ulong mixed = word * 0x9e3779b97f4a7c15;
        yield return word;
        yield return mixed;
        yield return mixed & ~1UL;
        yield return mixed & ~0x1ffUL;
        yield return mixed & 0x000ffffffffff000 | shape;
        yield return mixed & 0x000ffffffffff000;
        yield return (mixed & 0x000ffffffffff000) | 0x67;
        yield return mixed & 0x0100000000000fff;
        yield return (mixed & 0x1ff) | ((ulong)shape << 56);
        yield return 1UL << (shape & 63);
        yield return ulong.MaxValue << (shape & 63);
    }

    private static Pte Apply(Pte entry, uint subset)
    {
        for (int index = 0; index < Flags.Length; index++)
            entry = (subset >> index & 1) != 0 ? Flags[index].Set(entry) : Flags[index].Clear(entry);

        // Setting dirty or uffd-wp also changes soft-dirty or write; those two are set right where that is still possible.
        return (subset & 8) == 0 ? TArch.ClearSoftDirty(entry) : entry;
    }

    private static IEnumerable<Pte> Leaves() => LeavesOf(1);

    private static IEnumerable<Pte> LeavesOf(int level) =>
        from rights in AllRights
        from frame in Frames(level)
        select TArch.MakeLeaf(frame, TArch.ProtectionOf(rights), level);

    private static ulong MaxFrame => (1UL << Math.Min(TArch.FrameNumberBits, 30)) - 1;

    private static IEnumerable<ulong> Frames(int level)
    {
        int align = TArch.LevelShift(level) - TArch.PageShift;
        ulong[] candidates = [0, 1UL << align, 3UL << align, 0x12345678, MaxFrame];
        return candidates.Select(frame => frame >> align << align).Where(frame => frame <= MaxFrame).Distinct();
    }

    private sealed record Flag(string Name, Func<Pte, bool> Is, Func<Pte, Pte> Set, Func<Pte, Pte> Clear, string Touches);
}

public sealed class X64FourLevelLaws : FormatLaws<X64FourLevel>;

public sealed class X64FiveLevelLaws : FormatLaws<X64FiveLevel>;

public sealed class Sun4uLaws : FormatLaws<Sun4u>;

public sealed class Sun4vLaws : FormatLaws<Sun4v>;

public sealed class Sun4vM7Laws : FormatLaws<Sun4vM7>;
