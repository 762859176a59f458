using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>An entry of a page table in words: what <c>pte decode</c> prints and <c>pte encode</c> reads.</summary>
internal sealed record EntryDescription
{
    /// <summary>Kind of a present entry that points to a table.</summary>
    public const string Table = "table";

    /// <summary>Kind of a present entry that is neither a well-formed table nor a leaf.</summary>
    public const string Bad = "bad";

    /// <summary>Kind of a leaf.</summary>
    public const string Present = "present";

    /// <summary>Kind of an empty entry.</summary>
    public const string None = "none";

    /// <summary>One of the names above or of <see cref="SoftLeafNames"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Type field of a non-present entry.</summary>
    public uint? Type { get; init; }

    /// <summary>Offset field of a non-present entry, including the age bits of a migration entry.</summary>
    public ulong? Offset { get; init; }

    /// <summary>The exclusive mark.</summary>
    public bool Exclusive { get; init; }

    /// <summary>The soft-dirty bit or mark.</summary>
    public bool SoftDirty { get; init; }

    /// <summary>The userfaultfd write-protect bit or mark.</summary>
    public bool UffdWp { get; init; }

    /// <summary>Frame number, where the entry names one.</summary>
    public ulong? Pfn { get; init; }

    /// <summary>Names of the flags; null where they were not given.</summary>
    public IReadOnlyList<string>? Flags { get; init; }

    /// <summary>Describes an entry.</summary>
    public static EntryDescription Of<TArch>(Pte entry, int level, in SwapTypeLayout types)
        where TArch : struct, IArchitecture, IEntryNames
    {
        if (TArch.IsNone(entry, level))
            return new EntryDescription { Kind = None, Flags = TArch.FlagNames(entry, level) };
        if (!TArch.IsPresent(entry, level))
            return OfSoftLeaf<TArch>(entry, SoftLeaf.Decode<TArch>(entry, in types, level), TArch.Name);
        bool leaf = TArch.IsLeaf(entry, level);
        return new EntryDescription
        {
            Kind = leaf ? Present : TArch.IsTable(entry, level) ? Table : Bad,
            SoftDirty = leaf && TArch.IsSoftDirty(entry),
            UffdWp = leaf && TArch.IsUffdWp(entry),
            Pfn = leaf ? TArch.FrameOf(entry, level) : TArch.TableAddress(entry) >> TArch.PageShift,
            Flags = TArch.FlagNames(entry, level),
        };
    }

    /// <summary>Describes an entry of a format whose present entries are not modelled: of those only that they are present.</summary>
    public static EntryDescription OfSwapForm<TFormat>(Pte entry, in SwapTypeLayout types)
        where TFormat : struct, ISwapOnlyFormat
    {
        if (TFormat.IsNone(entry) || TFormat.IsPresent(entry))
            return new EntryDescription { Kind = TFormat.IsNone(entry) ? None : Present };
        return OfSoftLeaf<TFormat>(entry, SoftLeaf.DecodeSwapForm<TFormat>(entry, in types, TFormat.Level), TFormat.Name);
    }

    private static EntryDescription OfSoftLeaf<TArch>(Pte entry, SoftLeaf leaf, string name)
        where TArch : struct, ISwapFormat
    {
        uint type = TArch.SwapType(entry);
        ulong offset = TArch.SwapOffset(entry);
        var flags = new List<string>();
        if (leaf.IsYoung)
            flags.Add(EntryBuilder.Young);
        if (leaf.IsDirty)
            flags.Add(EntryBuilder.Dirty);
        var description = new EntryDescription
        {
            Kind = SoftLeafNames.NameOf(leaf),
            Type = type,
            Offset = offset,
            Exclusive = TArch.IsSwapExclusive(entry),
            SoftDirty = TArch.IsSwapSoftDirty(entry),
            UffdWp = TArch.IsSwapUffdWp(entry),
            Pfn = leaf.HasFrame ? leaf.Frame : null,
            Flags = flags,
        };

        // Bits that belong to no field are shown too, so that nothing of the word is lost.
        EntryFields.AddBitNames(flags, entry.Raw ^ EntryBuilder.Mark<TArch>(TArch.EncodeSwap(type, offset), description, name).Raw);
        return description;
    }
}
