namespace PageTableEmu.Paging;

/// <summary>What a cursor stands on.</summary>
public enum RangeKind
{
    /// <summary>Nothing is mapped and nothing is remembered: as far as it goes, across tables.</summary>
    Gap,

    /// <summary>One leaf, of any size.</summary>
    Leaf,

    /// <summary>One entry that is not present: swap, migration, marker and so on.</summary>
    NonPresent,

    /// <summary>One entry that is malformed or points to a table outside RAM.</summary>
    Bad,
}
