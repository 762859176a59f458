namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// The kinds of memory that a test starts from. The first three are in the recorded run; the others are states of base pages that it does not
/// have, most of them what its huge-page kinds are for huge pages.
/// </summary>
public enum CowMemory
{
    /// <summary>One private page, written.</summary>
    BasePage,

    /// <summary>The same, swapped out.</summary>
    SwappedOut,

    /// <summary>A private page that was only read; and a second mapping like it.</summary>
    ZeroPage,

    /// <summary>Pages that were moved by mremap.</summary>
    Moved,

    /// <summary>Pages that were moved while they were swapped out.</summary>
    MovedWhileSwappedOut,

    /// <summary>The upper half of some pages, moved away from the lower.</summary>
    HalfMoved,

    /// <summary>One page of several; the others were dropped.</summary>
    OneOfMany,

    /// <summary>Several pages of which a child that is gone had only the first.</summary>
    PartlyShared,

    /// <summary>Pages that a child that is gone had too.</summary>
    OnceShared,

    /// <summary>Pages that were swapped out while a child, gone now, had them too.</summary>
    SwappedOutWhileShared,

    /// <summary>Swapped-out pages that a child, gone now, knew as swap entries.</summary>
    OnceSharedSwappedOut,

    /// <summary>Swapped-out pages that were read ahead into the swap cache.</summary>
    ReadAhead,

    /// <summary>Swapped-out pages that were read back in: clean, with their slots.</summary>
    ReadBack,

    /// <summary>Pages merged by KSM, with each other.</summary>
    Merged,

    /// <summary>The same, swapped out.</summary>
    MergedSwappedOut,
}
