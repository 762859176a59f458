namespace PageTableEmu.Paging;

/// <summary>How an attempt to map ended.</summary>
public enum MapStatus
{
    /// <summary>Everything asked for is mapped.</summary>
    Mapped,

    /// <summary>A table could not be made because RAM is exhausted; nothing has changed.</summary>
    OutOfFrames,

    /// <summary>An entry is in the way; nothing has changed. <see cref="MapResult.Existing"/> is that entry.</summary>
    Occupied,
}
