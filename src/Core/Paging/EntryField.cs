namespace PageTableEmu.Paging;

/// <summary>A run of bits of an entry, with the name to draw over it.</summary>
/// <param name="Name">Name of the bits; empty for bits without a meaning.</param>
/// <param name="Low">Lowest bit.</param>
/// <param name="Width">Number of bits.</param>
/// <seealso cref="SwapEntryLayout"/>
public readonly record struct EntryField(string Name, int Low, int Width)
{
    /// <summary>Highest bit.</summary>
    public int High => Low + Width - 1;

    /// <summary>The field's bits of an entry, shifted down.</summary>
    public ulong Of(Pte entry) => (entry.Raw >> Low) & (ulong.MaxValue >> (64 - Width));
}
