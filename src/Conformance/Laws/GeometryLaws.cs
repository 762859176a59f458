using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Laws;

/// <summary>The shape of tables and address space, and what the machine stores about the architecture.</summary>
internal static class GeometryLaws<TArch>
    where TArch : struct, IArchitecture
{
    private const int EntryShift = 3;
    private const int LeastLevels = 4;
    private const int MostLevels = 5;

    internal static IEnumerable<Law> All() =>
    [
        new("geometry/levels", "each level covers what the tables of the level below cover, and all of them the virtual address", Levels),
        new("geometry/tables", "a table fits into a page", Tables),
        new("geometry/user-space", "user space is a whole number of pages, all of them translated", UserSpace),
        new("geometry/huge", "the huge page is what an entry of level 2 covers, and level 2 may map memory", Huge),
        new("geometry/identity", "name, number, cluster size and numbering are ones that a machine can use", Identity),
    ];

    private static void Levels(Check check)
    {
        check.That(TArch.Levels is >= LeastLevels and <= MostLevels, "is not 4 or 5 levels", new Pte((ulong)TArch.Levels), $"{TArch.Levels} levels");
        check.Equal((ulong)TArch.PageShift, (ulong)TArch.LevelShift(1), "is not the page shift", $"level 1");
        for (int level = 2; level <= TArch.Levels; level++)
        {
            ulong expected = (ulong)(TArch.LevelShift(level - 1) + TArch.LevelBits(level - 1));
            check.Equal(expected, (ulong)TArch.LevelShift(level), "leaves a gap or overlaps the level below", $"level {level}");
        }

        ulong bits = (ulong)(TArch.LevelShift(TArch.Levels) + TArch.LevelBits(TArch.Levels));
        check.Equal(bits, (ulong)TArch.VirtualAddressBits, "is not what the levels translate", $"the virtual address");
    }

    private static void Tables(Check check)
    {
        for (int level = 1; level <= TArch.Levels; level++)
        {
            int bits = TArch.LevelBits(level);
            check.That(bits > 0 && bits + EntryShift <= TArch.PageShift, "does not fit into a page", new Pte((ulong)bits), $"level {level}");
        }
    }

    private static void UserSpace(Check check)
    {
        ulong end = TArch.UserSpaceEnd;
        check.That(end != 0 && (end & ((1UL << TArch.PageShift) - 1)) == 0, "is no multiple of the page size", new Pte(end),
            $"the end of user space");
        check.That(TArch.IsCanonical(0) && TArch.IsCanonical(end - 1), "is not translated", new Pte(end - 1), $"the last address of user space");
        for (int bit = 0; 1UL << bit < end; bit++)
            check.That(TArch.IsCanonical(1UL << bit), "is not translated", new Pte(1UL << bit), $"an address of user space");
        check.That(end >> TArch.VirtualAddressBits <= 1, "lies beyond what the tables translate", new Pte(end), $"the end of user space");
        bool all = Enumerable.Range(0, 64).All(bit => TArch.IsCanonical(1UL << bit));
        check.That(TArch.VirtualAddressBits >= 64 || !all, "is true of every address", new Pte(1UL << 63), $"being translated");
    }

    private static void Huge(Check check)
    {
        check.Equal((ulong)TArch.LevelShift(2), (ulong)TArch.HugePageShift, "is not what an entry of level 2 covers", $"the huge page");
        check.That(TArch.LeafAllowed(2), "may not map memory", default, $"level 2");
    }

    private static void Identity(Check check)
    {
        check.That(TArch.Name.Length > 0 && !TArch.Name.Contains(' ', StringComparison.Ordinal), "is no name", default, $"'{TArch.Name}'");
        check.That(TArch.Id != 0, "is the number of no architecture", default, $"{TArch.Name}");
        int slots = TArch.SwapClusterSlots;
        check.That(slots is >= 64 and <= 512 && int.IsPow2(slots), "is no power of two from 64 to 512", new Pte((ulong)slots),
            $"the slots of a cluster");
        SwapTypeLayout usual = SwapTypeLayout.For(KernelVersion.Linux72, TArch.UsualSwapTypeOptions);
        check.That(TArch.DefaultSwapTypes == usual, "is not the numbering of the usual options", default, $"the default numbering");
    }
}
