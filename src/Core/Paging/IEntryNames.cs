namespace PageTableEmu.Paging;

/// <summary>
/// Names of an architecture's bits, for people and for text formats; nothing here is fast. Bits without a name of their own are called
/// <c>bit0</c> to <c>bit63</c>, so that the names of an entry together with its frame number always say the whole word.
/// </summary>
public interface IEntryNames
{
    /// <summary>Names of the flags of an entry that is none, a leaf or a table.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="level">Its level.</param>
    static abstract IReadOnlyList<string> FlagNames(Pte entry, int level);

    /// <summary>The inverse of <see cref="FlagNames"/>: the bits that the names stand for.</summary>
    /// <param name="names">Names in any order.</param>
    /// <param name="level">Level of the entry.</param>
    /// <param name="table">Whether the entry is not a leaf.</param>
    /// <param name="flags">The bits.</param>
    /// <returns>A name that is not known, or null.</returns>
    static abstract string? ParseFlags(IEnumerable<string> names, int level, bool table, out Protection flags);

    /// <summary>Puts a frame number and the bits that are not its frame number together.</summary>
    /// <param name="frame">Frame number.</param>
    /// <param name="flags">Every other bit, exactly as it will stand in the entry.</param>
    /// <param name="level">Level of the entry.</param>
    /// <param name="table">Whether the entry is not a leaf.</param>
    static abstract Pte Place(ulong frame, Protection flags, int level, bool table);

    /// <summary>The entry cut into fields, from bit 63 down to bit 0 without a gap.</summary>
    /// <param name="entry">The entry, of any form: its form decides the fields.</param>
    /// <param name="level">Its level.</param>
    static abstract IReadOnlyList<EntryField> Fields(Pte entry, int level);
}
