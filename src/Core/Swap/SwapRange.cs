namespace PageTableEmu.Swap;

/// <summary>The regions of the metadata image of which an area has a range of its own.</summary>
internal enum SwapRange
{
    /// <summary>Slot words.</summary>
    Slots,

    /// <summary>Cluster records.</summary>
    Clusters,

    /// <summary>Pages of content.</summary>
    Store,
}
