using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>What the memory management unit does with a leaf.</summary>
internal static class AccessLaws<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly AccessKind[] Kinds = Enum.GetValues<AccessKind>();

    internal static IEnumerable<Law> All() =>
    [
        new("access/rights", "a used page can be read, written and executed exactly as its rights say", Rights),
        new("access/marks", "an allowed access leaves a young entry, an allowed store a dirty one", Marks),
        new("access/refused", "a refused access leaves the entry as it is", Refused),
        new("access/touches", "an access changes age and dirtiness and nothing else", Touches),
        new("access/repeat", "an access that was allowed is allowed again and then changes nothing", Repeat),
        new("access/swap-entry", "no swap entry can be accessed, whatever its type, offset and marks", SwapEntries),
        new("access/written", "what a store made dirty stays dirty when the permission changes", Written),
    ];

    // One more operation after all flags were brought into a state: what goes wrong may depend on the order.
    private static IEnumerable<Pte> Entries(int level)
    {
        foreach (Pte leaf in Inputs<TArch>.Leaves(level))
        {
            for (int subset = 0; subset < Flags<TArch>.Subsets; subset++)
            {
                Pte entry = Flags<TArch>.Apply(leaf, subset);
                yield return entry;
                foreach (Flag flag in Flags<TArch>.All)
                {
                    yield return flag.Set(entry);
                    yield return flag.Clear(entry);
                }
            }
        }
    }

    private static void Rights(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (AccessRights rights in Inputs<TArch>.Rights)
            {
                // Young and, where stores are allowed, dirty: nothing is left for a trap to do.
                Pte leaf = TArch.MakeYoung(TArch.MakeLeaf(0, TArch.ProtectionOf(rights), level));
                bool any = (rights & ~AccessRights.Shared) != 0;
                if (!any)
                    leaf = TArch.MakeLeaf(0, TArch.ProtectionOf(rights), level);
                bool writable = (rights & (AccessRights.Write | AccessRights.Shared)) == (AccessRights.Write | AccessRights.Shared);
                leaf = writable ? TArch.MakeDirty(leaf) : leaf;
                Expect(check, leaf, AccessKind.Read, any, rights, level);
                Expect(check, leaf, AccessKind.Write, writable, rights, level);
                Expect(check, leaf, AccessKind.Execute, (rights & AccessRights.Execute) != 0, rights, level);
                if (any)
                    Expect(check, TArch.MakeDirty(TArch.MakeWritable(leaf)), AccessKind.Write, true, rights | AccessRights.Write, level);
                if (any)
                    Expect(check, TArch.WriteProtect(TArch.MakeDirty(leaf)), AccessKind.Write, false, rights & ~AccessRights.Write, level);
            }
        }
    }

    private static void Expect(Check check, Pte leaf, AccessKind kind, bool allowed, AccessRights rights, int level)
    {
        bool actual = TArch.TryAccess(leaf, kind, level, out Pte after);
        check.That(actual == allowed, $"{kind} is {(actual ? "allowed" : "refused")}", leaf, after, $"level {level}, {rights}");
    }

    private static void Marks(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (Pte entry in Entries(level))
            {
                foreach (AccessKind kind in Kinds)
                {
                    if (!TArch.TryAccess(entry, kind, level, out Pte after))
                        continue;
                    check.That(TArch.IsYoung(after), "is not young", entry, after, $"{kind}, level {level}");
                    check.That(kind != AccessKind.Write || (TArch.IsDirty(after) && TArch.IsWritable(after)), "is not dirty", entry, after,
                        $"{kind}, level {level}");
                    check.That(!TArch.IsProtNone(entry), "of no access allows one", entry, after, $"{kind}, level {level}");
                }
            }
        }
    }

    private static void Refused(Check check)
    {
        foreach (Pte entry in Entries(1))
        {
            foreach (AccessKind kind in Kinds)
            {
                if (!TArch.TryAccess(entry, kind, 1, out Pte after))
                    check.Same(entry, after, "changes although refused", $"{kind}");
            }
        }
    }

    private static void Touches(Check check)
    {
        foreach (Pte entry in Entries(1))
        {
            foreach (AccessKind kind in Kinds)
            {
                if (!TArch.TryAccess(entry, kind, 1, out Pte after))
                    continue;
                int changed = (Flags<TArch>.Read(entry) ^ Flags<TArch>.Read(after)) & ~(Flags<TArch>.Young | Flags<TArch>.Dirty);
                check.That(changed == 0, $"changes {Flags<TArch>.Describe(changed)}", entry, after, $"{kind}");
                check.That(kind == AccessKind.Write || TArch.IsDirty(entry) == TArch.IsDirty(after), "changes dirtiness", entry, after, $"{kind}");
                check.That(TArch.FrameOf(entry, 1) == TArch.FrameOf(after, 1), "changes the frame number", entry, after, $"{kind}");
            }
        }
    }

    private static void Repeat(Check check)
    {
        foreach (Pte entry in Entries(1))
        {
            foreach (AccessKind kind in Kinds)
            {
                if (!TArch.TryAccess(entry, kind, 1, out Pte after))
                    continue;
                bool again = TArch.TryAccess(after, kind, 1, out Pte twice);
                check.That(again && twice == after, "is refused or changes the second time", after, twice, $"{kind}, {entry}");
            }
        }
    }

    private static void SwapEntries(Check check)
    {
        foreach (uint type in new uint[] { 0, 1, 27, SwapTypeLayout.TypeCount - 1 })
        {
            for (int bit = 0; bit < TArch.FrameNumberBits + 2; bit++)
            {
                Pte plain = TArch.EncodeSwap(type, 1UL << bit);
                foreach (Pte entry in new[] { plain, TArch.MakeSwapExclusive(TArch.MakeSwapSoftDirty(TArch.MakeSwapUffdWp(plain))) })
                {
                    foreach (AccessKind kind in Kinds)
                        check.That(!TArch.TryAccess(entry, kind, 1, out _), $"allows {kind}", entry, $"type {type}, offset bit {bit}");
                }
            }
        }
    }

    private static void Written(Check check)
    {
        foreach (int level in Inputs<TArch>.LeafLevels)
        {
            foreach (Pte entry in Entries(level))
            {
                if (!TArch.TryAccess(entry, AccessKind.Write, level, out Pte after))
                    continue;
                Pte locked = TArch.WriteProtect(after);
                check.That(TArch.IsDirty(locked), "is clean after write-protecting", after, locked, $"{entry} written, level {level}");
                Pte modified = TArch.Modify(after, TArch.ProtectionOf(AccessRights.Read), level);
                check.That(TArch.IsDirty(modified), "is clean after taking write permission", after, modified, $"{entry} written, level {level}");
                Pte back = TArch.Modify(modified, TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared), level);
                check.That(TArch.IsDirty(back), "is clean after giving it back", modified, back, $"{entry} written, level {level}");
            }
        }
    }
}
