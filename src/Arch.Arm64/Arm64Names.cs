using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// Names of the bits of arm64 entries, in the order of their bits: those of the architecture manual for what the hardware reads, the
/// kernel's for software bits. Fields of several bits are named with their value (<c>attr1</c>, <c>sh3</c>, <c>po2</c>) unless it is 0.
/// <c>page</c> is the type's upper bit in a PTE, <c>table</c> the same bit above; <c>protnone</c> and <c>invalid</c> are derived.
/// </summary>
/// <seealso cref="Arm64FourLevel"/>
public static class Arm64Names
{
    private const string Attribute = "attr";
    private const string Shareable = "sh";
    private const string Overlay = "po";
    private const int FieldLimit = 8;

    private static readonly (string Name, int Bit)[] LeafBits =
    [
        ("valid", 0), ("page", 1), ("user", 6), ("rdonly", 7), ("accessed", 10), ("ng", 11), ("gp", 50), ("write", 51), ("cont", 52),
        ("pxn", 53), ("uxn", 54), ("dirty", 55), ("special", 56), ("uffd_wp", 58),
    ];

    private static readonly (string Name, int Bit)[] TableBits = [("valid", 0), ("table", 1), ("accessed", 10), ("pxn_table", 59), ("uxn_table", 60)];

    private static readonly (string Name, int Shift, int Width)[] LeafFields =
        [(Attribute, Arm64Bits.AttributeShift, 3), (Shareable, Arm64Bits.SharedShift, 2), (Overlay, Arm64Bits.OverlayShift, 3)];

    /// <inheritdoc cref="IEntryNames.FlagNames"/>
    public static IReadOnlyList<string> FlagNames(Pte entry, int level)
    {
        bool leaf = Arm64Leaf.IsLeaf(entry, level);
        ulong rest = entry.Raw & ~(leaf ? Arm64Leaf.FrameMask(level) : Arm64Bits.FrameMask);
        var names = new List<string>();
        foreach ((string name, int bit) in leaf ? LeafBits : TableBits)
        {
            if ((rest >> bit & 1) != 0)
                names.Add(leaf && level > 1 && name == "page" ? "table" : name);
            rest &= ~(1UL << bit);
        }

        if (leaf)
        {
            foreach ((string name, int shift, int width) in LeafFields)
            {
                ulong mask = ((1UL << width) - 1) << shift;
                if ((rest & mask) != 0)
                    names.Add($"{name}{(rest & mask) >> shift}");
                rest &= ~mask;
            }

            if (Arm64Leaf.IsProtNone(entry))
                names.Add("protnone");
            else if ((entry.Raw & Arm64Bits.Valid) == 0)
                names.Add("invalid");
        }

        EntryFields.AddBitNames(names, rest);
        return names;
    }

    /// <inheritdoc cref="IEntryNames.ParseFlags"/>
    public static string? ParseFlags(IEnumerable<string> names, bool table, out Protection flags) =>
        EntryFields.ParseFlags(names, name => BitsOf(name, table), out flags);

    /// <inheritdoc cref="IEntryNames.Place"/>
    public static Pte Place(ulong frame, Protection flags, int level, bool table) => table
        ? new Pte(((frame << Arm64Geometry.PageShift) & Arm64Bits.FrameMask) | flags.Raw)
        : Arm64Leaf.Place(frame, flags, level);

    /// <inheritdoc cref="IEntryNames.Fields"/>
    public static IReadOnlyList<EntryField> Fields(Pte entry, int level)
    {
        if (!Arm64Leaf.IsPresent(entry, level) && entry.Raw != 0)
        {
            return EntryFields.Partition(
            [
                new EntryField("offset", 12, Arm64Swap.OffsetBits),
                new EntryField("present", 11, 1),
                new EntryField("type", 6, Arm64Swap.TypeBits),
                new EntryField("uffd_wp", 3, 1),
                new EntryField("exclusive", 2, 1),
                new EntryField("valid", 0, 1),
            ]);
        }

        bool leaf = level == 1 || Arm64Leaf.IsLeaf(entry, level);
        int low = leaf ? Arm64Geometry.LevelShift(level) : Arm64Geometry.PageShift;
        var fields = new List<EntryField> { new("pfn", low, Arm64Geometry.PhysicalAddressBits - low) };
        foreach ((string name, int bit) in leaf ? LeafBits : TableBits)
            fields.Add(new EntryField(leaf && level > 1 && name == "page" ? "table" : name, bit, 1));
        if (leaf)
            fields.AddRange(LeafFields.Select(field => new EntryField(field.Name, field.Shift, field.Width)));
        return EntryFields.Partition(fields);
    }

    private static ulong? BitsOf(string name, bool table)
    {
        if (EntryFields.TryParseNumbered(name, "bit", 64, out int number))
            return 1UL << number;
        foreach ((string known, int bit) in table ? TableBits : LeafBits)
        {
            if (known == name)
                return 1UL << bit;
        }

        if (table)
            return null;
        foreach ((string field, int shift, int width) in LeafFields)
        {
            if (EntryFields.TryParseNumbered(name, field, Math.Min(FieldLimit, 1 << width), out int value))
                return (ulong)value << shift;
        }

        return name switch
        {
            "table" => Arm64Bits.PageOrTable,
            "protnone" or "invalid" => 0,
            _ => null,
        };
    }
}
