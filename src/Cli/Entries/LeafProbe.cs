using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>Which bits of a PTE the operations of an architecture touch, found by applying them to a leaf.</summary>
internal static class LeafProbe
{
    /// <summary>Name of a property and the bits that change with it; properties that the architecture lacks are left out.</summary>
    public static IReadOnlyList<(string Name, ulong Bits)> Of<TArch>()
        where TArch : struct, IArchitecture
    {
        Protection shared = TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);
        Pte leaf = TArch.MakeLeaf(0, shared, 1);
        Pte read = TArch.MakeLeaf(0, TArch.ProtectionOf(AccessRights.Read), 1);
        Pte old = TArch.MakeOld(leaf);
        Pte locked = TArch.WriteProtect(leaf);
        ulong frame = 0;
        for (int bit = 0; bit < TArch.FrameNumberBits; bit++)
            frame |= TArch.MakeLeaf(1UL << bit, shared, 1).Raw ^ leaf.Raw;
        (string Name, ulong Bits)[] all =
        [
            ("frame", frame),
            ("accessed", TArch.MakeYoung(old).Raw ^ old.Raw),
            ("dirty while writable", TArch.MakeDirty(leaf).Raw ^ leaf.Raw),
            ("dirty while read-only", TArch.MakeDirty(locked).Raw ^ locked.Raw),
            ("write", TArch.MakeWritable(locked).Raw ^ locked.Raw),
            ("execute", TArch.MakeLeaf(0, TArch.ProtectionOf(AccessRights.Read | AccessRights.Execute), 1).Raw ^ read.Raw),
            ("special", TArch.MakeSpecial(leaf).Raw ^ leaf.Raw),
            ("soft_dirty", TArch.MakeSoftDirty(leaf).Raw ^ leaf.Raw),
            ("uffd_wp", TArch.MakeUffdWp(locked).Raw ^ locked.Raw),
            ("no access", (TArch.MakeLeaf(0, TArch.ProtectionOf(AccessRights.None), 1).Raw ^ read.Raw) & ~frame),
        ];
        return [.. all.Where(property => property.Bits != 0)];
    }

    /// <summary>Positions of bits from the top down, runs shortened: <c>63 51..12 0</c>.</summary>
    public static string Positions(ulong bits)
    {
        var runs = new List<string>();
        for (int high = 63; high >= 0; high--)
        {
            if ((bits >> high & 1) == 0)
                continue;
            int low = high;
            while (low > 0 && (bits >> (low - 1) & 1) != 0)
                low--;
            runs.Add(low == high ? $"{high}" : $"{high}..{low}");
            high = low;
        }

        return string.Join(' ', runs);
    }
}
