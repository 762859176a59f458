using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>
/// Flags of present entries: each by itself, every pair, all subsets (mm/debug_vm_pgtable.c: basic, advanced, special, soft-dirty tests).
/// </summary>
internal static class FlagLaws<TArch>
    where TArch : struct, IArchitecture
{
    internal static IEnumerable<Law> All() =>
    [
        new("flags/set-clear-test", "a flag is set after setting it, clear after clearing it, whatever the others are", SetClearTest),
        new("flags/idempotent", "setting or clearing a flag twice is the same as once", Idempotent),
        new("flags/independent", "changing a flag changes no other flag, no right and not the frame", Independent),
        new("flags/all-subsets", "every subset of the flags can be represented, and is read back", AllSubsets),
        new("flags/absent", "a flag that the format lacks is never set, and setting it changes nothing", Absent),
        new("flags/special", "special is one bit of its own, sticky, and clear in a new leaf", Special),
        new("flags/huge", "the flags do at every level what they do in a PTE", Huge),
        new("flags/no-dirt-from-writing", "giving and taking write permission neither makes an entry dirty nor clean", WritingKeepsDirt),
    ];

    private static IEnumerable<(Pte Entry, int Subset)> Entries(int level = 1)
    {
        foreach (Pte leaf in Inputs<TArch>.Leaves(level))
        {
            for (int subset = 0; subset < Flags<TArch>.Subsets; subset++)
                yield return (Flags<TArch>.Apply(leaf, subset), subset);
        }
    }

    private static void SetClearTest(Check check)
    {
        foreach ((Pte entry, int subset) in Entries())
        {
            foreach (Flag flag in Flags<TArch>.All.Where(flag => flag.Exists))
            {
                Pte set = flag.Set(entry);
                Pte clear = flag.Clear(entry);
                check.That(flag.Is(set), $"not {flag.Name} after setting it", entry, set, $"{entry} with {Flags<TArch>.Describe(subset)}");
                check.That(!flag.Is(clear), $"{flag.Name} after clearing it", entry, clear, $"{entry} with {Flags<TArch>.Describe(subset)}");
            }
        }
    }

    private static void Idempotent(Check check)
    {
        foreach ((Pte entry, int subset) in Entries())
        {
            foreach (Flag flag in Flags<TArch>.All)
            {
                Pte set = flag.Set(entry);
                Pte clear = flag.Clear(entry);
                check.Same(set, flag.Set(set), $"setting {flag.Name} again changes the entry", $"{entry} with {Flags<TArch>.Describe(subset)}");
                check.Same(clear, flag.Clear(clear), $"clearing {flag.Name} again changes the entry",
                    $"{entry} with {Flags<TArch>.Describe(subset)}");
            }
        }
    }

    private static void Independent(Check check)
    {
        foreach ((Pte entry, _) in Entries())
        {
            foreach (Flag flag in Flags<TArch>.All)
            {
                CheckOthers(check, flag, entry, flag.Set(entry), "setting", flag.SettingTouches);
                CheckOthers(check, flag, entry, flag.Clear(entry), "clearing", []);
            }
        }
    }

    private static void CheckOthers(Check check, Flag flag, Pte entry, Pte after, string done, string[] touches)
    {
        foreach (Flag other in Flags<TArch>.All)
        {
            if (other != flag && !touches.Contains(other.Name))
                check.That(other.Is(entry) == other.Is(after), $"{done} {flag.Name} changes {other.Name}", entry, after, $"{entry}");
        }

        CheckRest(check, $"{done} {flag.Name}", entry, after, 1);
    }

    private static void CheckRest(Check check, string done, Pte entry, Pte after, int level)
    {
        check.That(TArch.IsPresent(after, level) && TArch.IsLeaf(after, level), $"{done} leaves no present leaf", entry, after, $"{entry}");
        check.That(TArch.FrameOf(entry, level) == TArch.FrameOf(after, level), $"{done} changes the frame number", entry, after, $"{entry}");
        check.That(TArch.IsExecutable(entry) == TArch.IsExecutable(after), $"{done} changes execute permission", entry, after, $"{entry}");
        check.That(TArch.IsUser(entry) == TArch.IsUser(after), $"{done} changes user permission", entry, after, $"{entry}");
        check.That(TArch.IsSpecial(entry) == TArch.IsSpecial(after), $"{done} changes special", entry, after, $"{entry}");
    }

    private static void AllSubsets(Check check)
    {
        foreach ((Pte entry, int subset) in Entries())
        {
            // What a flag takes with it by definition, and what the format lacks.
            bool uffdWp = TArch.HasUffdWp && (subset & Flags<TArch>.UffdWp) != 0;
            int expected = subset & ~(TArch.HasSoftDirty ? 0 : Flags<TArch>.SoftDirty) & ~(TArch.HasUffdWp ? 0 : Flags<TArch>.UffdWp)
                & ~(uffdWp ? Flags<TArch>.Write : 0);
            int actual = Flags<TArch>.Read(entry);
            check.That(expected == actual, $"reads as {Flags<TArch>.Describe(actual)}", entry, $"a leaf made {Flags<TArch>.Describe(subset)}");
        }
    }

    private static void Absent(Check check)
    {
        foreach ((Pte entry, _) in Entries())
        {
            foreach (Flag flag in Flags<TArch>.All.Where(flag => !flag.Exists))
            {
                check.Same(entry, flag.Set(entry), $"setting {flag.Name}, which is lacking, changes the entry", $"{entry}");
                check.Same(entry, flag.Clear(entry), $"clearing {flag.Name}, which is lacking, changes the entry", $"{entry}");
                check.That(!flag.Is(entry), $"{flag.Name}, which is lacking, is set", entry, $"{entry}");
            }
        }
    }

    private static void Special(Check check)
    {
        foreach ((Pte entry, int subset) in Entries())
        {
            Pte special = TArch.MakeSpecial(entry);
            check.That(!TArch.IsSpecial(entry), "an ordinary leaf is special", entry, $"{entry}");
            check.That(TArch.IsSpecial(special), "not special after making it so", entry, special, $"{entry}");
            check.That(ulong.PopCount(entry.Raw ^ special.Raw) == 1, "special is not one bit", entry, special, $"{entry}");
            check.That(Flags<TArch>.Read(special) == Flags<TArch>.Read(entry), "special changes a flag", entry, special, $"{entry}");
            Pte moved = Flags<TArch>.Apply(special, ~subset & (Flags<TArch>.Subsets - 1));
            check.That(TArch.IsSpecial(moved), "special is lost by changing flags", special, moved, $"{special}");
        }
    }

    private static void Huge(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels.Where(level => level > 1))
        {
            foreach (Pte leaf in Inputs<TArch>.Leaves(level))
            {
                int start = Flags<TArch>.Read(leaf);
                check.That((start & ~Flags<TArch>.Write) == Flags<TArch>.Young, "a new huge leaf is not just young", leaf, $"level {level}, {leaf}");
            }

            foreach ((Pte entry, _) in Entries(level))
            {
                foreach (Flag flag in Flags<TArch>.All.Where(flag => flag.Exists))
                {
                    Pte set = flag.Set(entry);
                    Pte clear = flag.Clear(entry);
                    check.That(flag.Is(set) && !flag.Is(clear), $"{flag.Name} does not work at level {level}", set, clear, $"{entry}");
                    CheckRest(check, $"setting {flag.Name}", entry, set, level);
                    CheckRest(check, $"clearing {flag.Name}", entry, clear, level);
                }
            }
        }
    }

    private static void WritingKeepsDirt(Check check)
    {
        foreach ((Pte entry, _) in Entries())
        {
            Pte locked = TArch.WriteProtect(entry);
            Pte open = TArch.MakeWritable(locked);
            check.That(TArch.IsDirty(entry) == TArch.IsDirty(locked), "write-protecting changes dirtiness", entry, locked, $"{entry}");
            check.That(TArch.IsDirty(entry) == TArch.IsDirty(open), "making writable changes dirtiness", locked, open, $"{locked}");
            check.Same(locked, TArch.WriteProtect(open), "write-protecting does not undo making writable", $"{locked}");
        }
    }
}
