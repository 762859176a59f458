using PageTableEmu.Paging;

namespace PageTableEmu.Arch.X64;

/// <summary>
/// Names of the bits of x86-64 entries. A leaf's flags are named in the order of their bits; <c>exec</c> stands for a clear NX, <c>huge</c>
/// for PS, <c>pat</c> for the PAT bit wherever the level has it, and <c>invalid</c> for a huge leaf that only PS keeps present. Entries that
/// are not leaves show NX as <c>nx</c>.
/// </summary>
/// <seealso cref="X64FourLevel"/>
public static class X64Names
{
    private const int HugeBit = 7;
    private const int GlobalBit = 8;

    private static readonly string[] LowNames =
        ["present", "write", "user", "pwt", "pcd", "accessed", "dirty", "pat", "global", "special", "uffd_wp", "softdirty"];

    /// <inheritdoc cref="IEntryNames.FlagNames"/>
    public static IReadOnlyList<string> FlagNames(Pte entry, int level)
    {
        bool leaf = X64Leaf.IsLeaf(entry, level);
        ulong flags = entry.Raw & ~(leaf ? X64Leaf.FrameMask(level) : X64Bits.FrameMask);
        var names = new List<string>();
        for (int bit = 0; bit < LowNames.Length; bit++)
        {
            if ((flags >> bit & 1) != 0)
                names.Add(LowName(entry, level, bit));
        }

        ulong named = X64Bits.FrameLow - 1;
        if (leaf)
            named |= AddHighLeafNames(names, entry, level);
        else if ((flags & X64Bits.NoExecute) != 0)
            names.Add("nx");
        EntryFields.AddBitNames(names, flags & ~(named | X64Bits.NoExecute));
        return names;
    }

    /// <inheritdoc cref="IEntryNames.ParseFlags"/>
    public static string? ParseFlags(IEnumerable<string> names, int level, bool table, out Protection flags)
    {
        ulong raw = table ? 0 : X64Bits.NoExecute;
        foreach (string name in names)
        {
            if (name == "exec" && !table)
                raw &= ~X64Bits.NoExecute;
            else if (BitsOf(name, level, table) is { } bits)
                raw |= bits;
            else
            {
                flags = default;
                return name;
            }
        }

        flags = new Protection(raw);
        return null;
    }

    /// <inheritdoc cref="IEntryNames.Place"/>
    public static Pte Place(ulong frame, Protection flags, int level, bool table)
    {
        if (table)
            return new Pte(((frame << X64Geometry.PageShift) & X64Bits.FrameMask) | flags.Raw);
        return X64Leaf.Place(frame, flags, level);
    }

    /// <inheritdoc cref="IEntryNames.Fields"/>
    public static IReadOnlyList<EntryField> Fields(Pte entry, int level)
    {
        var fields = new List<EntryField>();
        if (X64Leaf.IsPresent(entry, level) || X64Leaf.IsNone(entry))
        {
            bool leaf = X64Leaf.IsLeaf(entry, level);
            int low = leaf ? X64Geometry.LevelShift(level) : X64Geometry.PageShift;
            fields.Add(new EntryField("nx", 63, 1));
            if (leaf)
            {
                fields.Add(new EntryField("pkey", X64Bits.PkeyShift, 4));
                fields.Add(new EntryField("saved_dirty", 58, 1));
            }

            fields.Add(new EntryField(X64Leaf.IsInverted(entry.Raw) ? "~pfn" : "pfn", low, 52 - low));
            if (leaf && level > 1)
                fields.Add(new EntryField("pat", X64Geometry.PageShift, 1));
            fields.AddRange(LowNames.Select((_, bit) => new EntryField(LowName(entry, level, bit), bit, 1)));
            return EntryFields.Partition(fields);
        }

        fields.Add(new EntryField("type", 64 - X64Swap.TypeBits, X64Swap.TypeBits));
        fields.Add(new EntryField("~offset", 64 - X64Swap.TypeBits - X64Swap.OffsetBits, X64Swap.OffsetBits));
        fields.Add(new EntryField("exclusive", 3, 1));
        fields.Add(new EntryField("uffd_wp", 2, 1));
        fields.Add(new EntryField("soft_dirty", 1, 1));
        fields.Add(new EntryField("present", 0, 1));
        return EntryFields.Partition(fields);
    }

    private static string LowName(Pte entry, int level, int bit) => bit switch
    {
        HugeBit when level > 1 => "huge",
        GlobalBit when X64Leaf.IsProtNone(entry) => "protnone",
        _ => LowNames[bit],
    };

    private static ulong AddHighLeafNames(List<string> names, Pte entry, int level)
    {
        if (level > 1 && (entry.Raw & X64Bits.PatLarge) != 0)
            names.Add("pat");
        if ((entry.Raw & X64Bits.SavedDirty) != 0)
            names.Add("saved_dirty");
        if (X64Leaf.Pkey(entry) is > 0 and int key)
            names.Add($"pkey{key}");
        if (X64Leaf.IsExecutable(entry))
            names.Add("exec");
        if (level > 1 && (entry.Raw & (X64Bits.Present | X64Bits.ProtNone)) == 0)
            names.Add("invalid");
        return X64Bits.SavedDirty | X64Bits.PkeyMask | (level > 1 ? X64Bits.PatLarge : 0);
    }

    private static ulong? BitsOf(string name, int level, bool table)
    {
        if (EntryFields.TryParseNumbered(name, "bit", 64, out int bit))
            return 1UL << bit;
        if (!table && EntryFields.TryParseNumbered(name, "pkey", 16, out int key))
            return (ulong)key << X64Bits.PkeyShift;
        return name switch
        {
            "huge" when level > 1 => X64Bits.Huge,
            "pat" when level > 1 => X64Bits.PatLarge,
            "protnone" => X64Bits.ProtNone,
            "saved_dirty" when !table => X64Bits.SavedDirty,
            "nx" when table => X64Bits.NoExecute,
            "invalid" when !table => 0,
            _ => Array.IndexOf(LowNames, name) is >= 0 and int low ? 1UL << low : null,
        };
    }
}
