namespace PageTableEmu.Mm;

/// <summary>Where a <see cref="KsmItem"/> is.</summary>
public enum KsmItemState : uint
{
    /// <summary>In the list of its slot only.</summary>
    None,

    /// <summary>In the tree of unmerged pages, if <see cref="KsmItem.Scan"/> is the scan under way.</summary>
    Unstable,

    /// <summary>In the list of the places of a merged page.</summary>
    Stable,
}
