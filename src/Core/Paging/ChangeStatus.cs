namespace PageTableEmu.Paging;

/// <summary>How an attempt to unmap or to protect ended.</summary>
public enum ChangeStatus
{
    /// <summary>Every present leaf in the range was changed; there may have been none.</summary>
    Done,

    /// <summary>A single page was asked for and nothing is there.</summary>
    Nothing,

    /// <summary>A single page was asked for and its entry is not present (swap, migration, marker): something owns it, it was left alone.</summary>
    NotPresent,

    /// <summary>A huge leaf lies across an end of the range and would have to be split first; nothing has changed.</summary>
    LeafStraddles,
}
