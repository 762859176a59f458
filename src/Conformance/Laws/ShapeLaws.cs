using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>None, present, table, leaf and bad exclude each other, at every level and for every word.</summary>
internal static class ShapeLaws<TArch>
    where TArch : struct, IArchitecture
{
    internal static IEnumerable<Law> All() =>
    [
        new("shape/zero", "a zeroed table is empty", Zero),
        new("shape/exclusive", "no word is both none and present, and a present word is exactly one of leaf, table and bad", Exclusive),
        new("shape/classified", "every word is classified, and what can be decoded encodes to itself but for ignored bits", Classified),
        new("shape/table", "an entry that points to a table gives its address back and is nothing else", Table),
        new("shape/levels", "leaves exist at level 1 and only where the geometry allows them", Levels),
    ];

    private static void Zero(Check check)
    {
        for (int level = 1; level <= TArch.Levels; level++)
        {
            check.That(TArch.IsNone(default, level), "zero is not none", default, $"level {level}");
            check.That(!TArch.IsPresent(default, level), "zero is present", default, $"level {level}");
        }
    }

    private static void Exclusive(Check check)
    {
        foreach (Pte word in Inputs<TArch>.Words())
        {
            for (int level = 1; level <= TArch.Levels; level++)
            {
                bool present = TArch.IsPresent(word, level);
                check.That(!(present && TArch.IsNone(word, level)), "is none and present", word, $"level {level}");
                int shapes = (TArch.IsLeaf(word, level) ? 1 : 0) + (TArch.IsTable(word, level) ? 1 : 0) + (TArch.IsBad(word, level) ? 1 : 0);
                check.That(shapes == (present ? 1 : 0), $"has {shapes} shapes and is {(present ? "" : "not ")}present", word, $"level {level}");
            }
        }
    }

    private static void Classified(Check check)
    {
        SwapTypeLayout types = TArch.DefaultSwapTypes;
        foreach (Pte word in Inputs<TArch>.Words())
        {
            SoftLeaf leaf = SoftLeaf.Decode<TArch>(word, in types);
            check.That(TArch.IsNone(word, 1) == (leaf.Kind == SoftLeafKind.None), $"is decoded as {leaf.Kind}", word, $"{word}");
            check.That(TArch.IsPresent(word, 1) == (leaf.Kind == SoftLeafKind.Present), $"is decoded as {leaf.Kind}", word, $"{word}");
            if (leaf.Kind is SoftLeafKind.None or SoftLeafKind.Present or SoftLeafKind.Invalid)
                continue;
            Pte again = leaf.Encode<TArch>(in types);
            check.That(TArch.IsNone(new Pte(again.Raw ^ word.Raw), 1), $"{leaf.Kind} is encoded differently", word, again, $"{word}");
        }
    }

    private static void Table(Check check)
    {
        for (int level = 2; level <= TArch.Levels; level++)
        {
            foreach (ulong frame in Inputs<TArch>.Frames(1).Where(frame => frame != 0))
            {
                ulong address = frame << TArch.PageShift;
                Pte entry = TArch.MakeTable(address);
                check.That(TArch.TableAddress(entry) == address, $"gives back {TArch.TableAddress(entry):x}", entry,
                    $"level {level}, address {address:x}");
                check.That(TArch.IsTable(entry, level) && TArch.IsPresent(entry, level), "is no table", entry, $"level {level}, address {address:x}");
                bool other = TArch.IsLeaf(entry, level) || TArch.IsNone(entry, level) || TArch.IsBad(entry, level);
                check.That(!other, "is something else too", entry, $"level {level}, address {address:x}");
            }
        }
    }

    private static void Levels(Check check)
    {
        check.That(TArch.LeafAllowed(1), "level 1 maps no memory", default, $"level 1");
        foreach (Pte word in Inputs<TArch>.Words())
        {
            check.That(!TArch.IsTable(word, 1), "is a table at level 1", word, $"{word}");
            for (int level = 2; level <= TArch.Levels; level++)
                check.That(TArch.LeafAllowed(level) || !TArch.IsLeaf(word, level), "is a leaf where none is allowed", word, $"level {level}");
        }
    }
}
