namespace PageTableEmu.Replay;

/// <summary>What a page-table entry holds. An entry that holds nothing is not observed at all.</summary>
public enum PageKind
{
    /// <summary>P: a frame is mapped (or the zero page).</summary>
    Present,

    /// <summary>S: a swap entry.</summary>
    Swapped,

    /// <summary>M: a marker (userfaultfd write protection, guard, poison).</summary>
    Marker,

    /// <summary>N: anything else that pagemap shows with a letter.</summary>
    Other,
}
