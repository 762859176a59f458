using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>Making and changing leaves: rights, frame numbers, pte_modify, advancing, invalidating.</summary>
internal static class LeafLaws<TArch>
    where TArch : struct, IArchitecture
{
    internal static IEnumerable<Law> All() =>
    [
        new("leaf/rights", "a new leaf has the rights it was made with, is young, and is neither dirty nor special nor marked", Rights),
        new("leaf/frame", "every frame number comes back at every level that maps memory", Frame),
        new("leaf/frame-is-apart", "the frame number decides nothing but the frame number", FrameIsApart),
        new("leaf/modify-keeps", "a change of protection keeps frame, age, dirtiness and marks and takes the new rights", Modify),
        new("leaf/modify-again", "changing the protection to the same again changes nothing; changing it back gives the rights back", ModifyAgain),
        new("leaf/advance", "advancing moves the frame number and nothing else", Advance),
        new("leaf/invalidate", "an invalidated huge leaf stays present and readable and is closed to the hardware", Invalidate),
    ];

    private static bool Grants(AccessRights rights, AccessRights wanted) => (rights & wanted) == wanted;

    private static void Rights(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (AccessRights rights in Inputs<TArch>.Rights)
            {
                Pte leaf = TArch.MakeLeaf(0, TArch.ProtectionOf(rights), level);
                bool any = (rights & ~AccessRights.Shared) != 0;
                bool writable = Grants(rights, AccessRights.Write | AccessRights.Shared);
                check.That(TArch.IsPresent(leaf, level) && TArch.IsLeaf(leaf, level), "is no present leaf", leaf, $"level {level}, {rights}");
                check.That(TArch.IsProtNone(leaf) == !any, "is wrong about having no access at all", leaf, $"level {level}, {rights}");
                check.That(TArch.IsWritable(leaf) == writable, "is wrong about write permission", leaf, $"level {level}, {rights}");
                check.That(!any || TArch.IsExecutable(leaf) == Grants(rights, AccessRights.Execute), "is wrong about execute", leaf,
                    $"level {level}, {rights}");
                check.That(!any || TArch.IsUser(leaf), "is not the user's", leaf, $"level {level}, {rights}");
                check.That(TArch.IsYoung(leaf) && !TArch.IsDirty(leaf), "is not young and clean", leaf, $"level {level}, {rights}");
                bool marked = TArch.IsSpecial(leaf) || TArch.IsSoftDirty(leaf) || TArch.IsUffdWp(leaf);
                check.That(!marked, "is special, soft-dirty or write-protected by userfaultfd", leaf, $"level {level}, {rights}");
            }
        }
    }

    private static void Frame(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (AccessRights rights in Inputs<TArch>.Rights)
            {
                foreach (ulong frame in Inputs<TArch>.Frames(level))
                {
                    Pte leaf = TArch.MakeLeaf(frame, TArch.ProtectionOf(rights), level);
                    ulong read = TArch.FrameOf(leaf, level);
                    check.That(read == frame, $"gives back frame {read:x}", leaf, $"level {level}, {rights}, frame {frame:x}");
                }
            }
        }
    }

    private static void FrameIsApart(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (AccessRights rights in Inputs<TArch>.Rights)
            {
                Pte first = TArch.MakeLeaf(0, TArch.ProtectionOf(rights), level);
                foreach (ulong frame in Inputs<TArch>.Frames(level))
                {
                    Pte leaf = TArch.MakeLeaf(frame, TArch.ProtectionOf(rights), level);
                    bool same = Flags<TArch>.Read(first) == Flags<TArch>.Read(leaf) && TArch.IsExecutable(first) == TArch.IsExecutable(leaf)
                        && TArch.IsUser(first) == TArch.IsUser(leaf) && TArch.IsProtNone(first) == TArch.IsProtNone(leaf)
                        && TArch.IsSpecial(first) == TArch.IsSpecial(leaf);
                    check.That(same, "has other flags than the leaf of frame 0", first, leaf, $"level {level}, {rights}, frame {frame:x}");
                    check.That(TArch.IsLeaf(leaf, level) && !TArch.IsTable(leaf, level), "is no leaf", leaf,
                        $"level {level}, {rights}, frame {frame:x}");
                }
            }
        }
    }

    private static void Modify(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (Pte leaf in Inputs<TArch>.Leaves(level))
            {
                for (int subset = 0; subset < Flags<TArch>.Subsets; subset++)
                {
                    Pte old = TArch.MakeSpecial(Flags<TArch>.Apply(leaf, subset));
                    foreach (AccessRights rights in Inputs<TArch>.Rights)
                        CheckModify(check, old, rights, level);
                }
            }
        }
    }

    private static void CheckModify(Check check, Pte old, AccessRights rights, int level)
    {
        Pte now = TArch.Modify(old, TArch.ProtectionOf(rights), level);
        int kept = (Flags<TArch>.Read(old) ^ Flags<TArch>.Read(now)) & ~Flags<TArch>.Write;
        bool any = (rights & ~AccessRights.Shared) != 0;
        check.That(TArch.FrameOf(old, level) == TArch.FrameOf(now, level), "loses the frame number", old, now, $"{old} to {rights}, level {level}");
        check.That(kept == 0, $"changes {Flags<TArch>.Describe(kept)}", old, now, $"{old} to {rights}, level {level}");
        check.That(TArch.IsSpecial(now), "loses special", old, now, $"{old} to {rights}, level {level}");
        check.That(TArch.IsPresent(now, level) && TArch.IsLeaf(now, level), "leaves no present leaf", old, now, $"{old} to {rights}, level {level}");
        bool writable = Grants(rights, AccessRights.Write | AccessRights.Shared);
        check.That(TArch.IsWritable(now) == writable, "is wrong about write permission", old, now, $"{old} to {rights}, level {level}");
        check.That(TArch.IsProtNone(now) == !any, "is wrong about having no access", old, now, $"{old} to {rights}, level {level}");
        bool executable = Grants(rights, AccessRights.Execute);
        check.That(!any || TArch.IsExecutable(now) == executable, "is wrong about execute", old, now, $"{old} to {rights}, level {level}");
    }

    private static void ModifyAgain(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (Pte leaf in Inputs<TArch>.Leaves(level))
            {
                foreach (AccessRights rights in Inputs<TArch>.Rights)
                {
                    Pte once = TArch.Modify(leaf, TArch.ProtectionOf(rights), level);
                    check.Same(once, TArch.Modify(once, TArch.ProtectionOf(rights), level), "changes again", $"{leaf} to {rights}, level {level}");
                    check.Same(TArch.MakeLeaf(TArch.FrameOf(leaf, level), TArch.ProtectionOf(rights), level), once,
                        "differs from a new leaf of the same rights", $"{leaf} to {rights}, level {level}");
                }
            }
        }
    }

    private static void Advance(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            ulong step = 1UL << (TArch.LevelShift(level) - TArch.PageShift);
            foreach (AccessRights rights in Inputs<TArch>.Rights)
            {
                Protection protection = TArch.ProtectionOf(rights);
                foreach (ulong frame in Inputs<TArch>.Frames(level).Where(frame => frame <= Inputs<TArch>.MaxFrame - (7 * step)))
                {
                    Pte leaf = TArch.MakeLeaf(frame, protection, level);
                    Pte next = TArch.Advance(leaf, 7 * step, level);
                    Pte expected = TArch.MakeLeaf(frame + (7 * step), protection, level);
                    check.Same(expected, next, "differs from the leaf of that frame", $"{leaf} by {7 * step} frames, level {level}, {rights}");
                }
            }
        }
    }

    // Linux calls an invalidated x86 PUD not present, so the law is about the PMD.
    private static void Invalidate(Check check)
    {
        if (!TArch.LeafAllowed(2))
            return;
        foreach (Pte leaf in Inputs<TArch>.Leaves(2))
        {
            Pte invalid = TArch.MakeInvalid(leaf, 2);
            check.That(TArch.IsPresent(invalid, 2) && TArch.IsLeaf(invalid, 2), "is no present leaf any more", leaf, invalid, $"{leaf}");
            check.That(TArch.FrameOf(leaf, 2) == TArch.FrameOf(invalid, 2), "loses the frame number", leaf, invalid, $"{leaf}");
            check.That(TArch.IsDirty(leaf) == TArch.IsDirty(invalid), "changes dirtiness", leaf, invalid, $"{leaf}");
            check.Same(invalid, TArch.MakeInvalid(invalid, 2), "changes when invalidated again", $"{leaf}");
            foreach (AccessKind kind in Enum.GetValues<AccessKind>())
                check.That(!TArch.TryAccess(invalid, kind, 2, out _), $"allows {kind}", leaf, invalid, $"{leaf}");
        }
    }
}
