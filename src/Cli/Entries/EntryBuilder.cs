using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>Makes the word that a description describes. Whatever the description says must come true, or it is refused.</summary>
internal static class EntryBuilder
{
    /// <summary>Flag of a migration entry: the page was accessed.</summary>
    public const string Young = "accessed";

    /// <summary>Flag of a migration entry: the page was written.</summary>
    public const string Dirty = "dirty";

    /// <summary>Makes the word.</summary>
    /// <exception cref="InputException">The description contradicts itself, or the architecture has no such entry.</exception>
    public static Pte Build<TArch>(EntryDescription description, int level, in SwapTypeLayout types)
        where TArch : struct, IArchitecture, IEntryNames
    {
        Pte entry = description.Kind switch
        {
            EntryDescription.None => Parse<TArch>(description, 0, level, table: true),
            EntryDescription.Present => Parse<TArch>(description, FrameOf(description), level, table: false),
            EntryDescription.Table when description.Flags is null => TArch.MakeTable(FrameOf(description) << TArch.PageShift),
            EntryDescription.Table or EntryDescription.Bad => Parse<TArch>(description, FrameOf(description), level, table: true),
            _ => BuildSoftLeaf<TArch>(description, TArch.Name, in types),
        };
        EntryDescription made = EntryDescription.Of<TArch>(entry, level, in types);
        return Confirm(entry, description, made);
    }

    /// <summary>Makes the word of a non-present entry of a format whose present entries are not modelled.</summary>
    /// <exception cref="InputException">The description contradicts itself, or the format has no such entry.</exception>
    public static Pte BuildSwapForm<TFormat>(EntryDescription description, in SwapTypeLayout types)
        where TFormat : struct, ISwapOnlyFormat
    {
        if (description.Kind is EntryDescription.None or EntryDescription.Present or EntryDescription.Table or EntryDescription.Bad)
            throw new InputException($"of {TFormat.Name} only non-present entries can be made");
        Pte entry = BuildSoftLeaf<TFormat>(description, TFormat.Name, in types);
        return Confirm(entry, description, EntryDescription.OfSwapForm<TFormat>(entry, in types));
    }

    /// <summary>Sets the marks of a non-present entry.</summary>
    /// <exception cref="InputException">The architecture lacks one of them.</exception>
    public static Pte Mark<TArch>(Pte entry, EntryDescription description, string name)
        where TArch : struct, ISwapFormat
    {
        if (description.Exclusive && !TArch.HasSwapExclusive)
            throw new InputException($"{name} has no exclusive mark at this level");
        if (description.SoftDirty && !TArch.HasSwapSoftDirty)
            throw new InputException($"{name} has no soft_dirty mark");
        if (description.UffdWp && !TArch.HasSwapUffdWp)
            throw new InputException($"{name} has no uffd_wp mark");
        entry = description.Exclusive ? TArch.MakeSwapExclusive(entry) : entry;
        entry = description.SoftDirty ? TArch.MakeSwapSoftDirty(entry) : entry;
        return description.UffdWp ? TArch.MakeSwapUffdWp(entry) : entry;
    }

    private static Pte Confirm(Pte entry, EntryDescription wanted, EntryDescription made)
    {
        if (made.Kind != wanted.Kind)
            throw new InputException($"kind {wanted.Kind} with these fields gives {entry}, which is of kind {made.Kind}");
        if (wanted.Pfn is { } pfn && made.Pfn is { } frame && pfn != frame)
            throw new InputException($"pfn {pfn} does not fit: the entry would name {frame}");
        return entry;
    }

    private static Pte Parse<TArch>(EntryDescription description, ulong frame, int level, bool table)
        where TArch : struct, IArchitecture, IEntryNames
    {
        if (TArch.ParseFlags(description.Flags ?? [], level, table, out Protection flags) is { } unknown)
            throw new InputException($"flag '{unknown}' is not known here");
        Pte entry = TArch.Place(frame, flags, level, table);
        if (table)
            return entry;
        if (description.SoftDirty)
            entry = TArch.MakeSoftDirty(entry);

        // Not through the operation of that name, which would take the write permission away.
        if (description.UffdWp && !TArch.IsUffdWp(entry))
            throw new InputException("uffd_wp is set but missing among the flags");
        return entry;
    }

    private static Pte BuildSoftLeaf<TArch>(EntryDescription description, string name, in SwapTypeLayout types)
        where TArch : struct, ISwapFormat
    {
        if (!SoftLeafNames.TryParse(description.Kind, out SoftLeafKind kind, out PteMarkers markers))
            throw new InputException($"kind '{description.Kind}' is not known");
        uint type = TypeOf(description, kind, in types);
        ulong offset = OffsetOf<TArch>(description, kind, markers);
        if (type >> TArch.SwapTypeBits != 0)
            throw new InputException($"type {type} has more than {TArch.SwapTypeBits} bits");
        if (offset >> TArch.SwapOffsetBits != 0)
            throw new InputException($"offset {offset} has more than {TArch.SwapOffsetBits} bits");
        return new Pte(Mark<TArch>(TArch.EncodeSwap(type, offset), description, name).Raw | StrayBits(description));
    }

    private static uint TypeOf(EntryDescription description, SoftLeafKind kind, in SwapTypeLayout types)
    {
        if (kind is SoftLeafKind.Swap or SoftLeafKind.Invalid)
            return description.Type ?? throw new InputException($"an entry of kind {description.Kind} needs a type");
        uint number = SoftLeaf.NumberOf(kind, in types);
        if (number == SwapTypeLayout.Absent)
            throw new InputException($"this kernel has no entry of kind {description.Kind}");
        if (description.Type is { } given && given != number)
            throw new InputException($"type {given} contradicts kind {description.Kind}, which is type {number} in this kernel");
        return number;
    }

    private static ulong OffsetOf<TArch>(EntryDescription description, SoftLeafKind kind, PteMarkers markers)
        where TArch : struct, ISwapFormat
    {
        if (!SoftLeaf.IsFrameKind(kind))
        {
            return description.Offset
                ?? (markers != PteMarkers.None ? (ulong)markers : throw new InputException($"an entry of kind {description.Kind} needs an offset"));
        }

        ulong age = (Has(description, Young) ? 1UL : 0) | (Has(description, Dirty) ? 2UL : 0);
        ulong offset = description.Offset ?? description.Pfn
            ?? throw new InputException($"an entry of kind {description.Kind} needs a pfn or an offset");
        return offset | (age << TArch.FrameNumberBits);
    }

    private static ulong StrayBits(EntryDescription description)
    {
        ulong bits = 0;
        foreach (string flag in description.Flags ?? [])
        {
            if (EntryFields.TryParseNumbered(flag, "bit", 64, out int bit))
                bits |= 1UL << bit;
            else if (flag is not (Young or Dirty))
                throw new InputException($"flag '{flag}' is not known here");
        }

        return bits;
    }

    private static bool Has(EntryDescription description, string flag) => description.Flags?.Contains(flag) == true;

    private static ulong FrameOf(EntryDescription description) =>
        description.Pfn ?? throw new InputException($"an entry of kind {description.Kind} needs a pfn");
}
