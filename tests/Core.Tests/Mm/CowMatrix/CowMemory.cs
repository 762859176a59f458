namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// The kinds of memory that a test starts from. The first three and those of huge pages are in the recorded run; the others are states of
/// base pages that it does not have, most of them what its huge-page kinds are for huge pages.
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

    /// <summary>A private mapping of an object that was only read; and a second mapping, shared, of the same page.</summary>
    PrivateView,

    /// <summary>Pages of a private mapping of an object that were written: anonymous copies.</summary>
    PrivateCopies,

    /// <summary>The same, swapped out.</summary>
    PrivateCopiesSwappedOut,

    /// <summary>A huge page, mapped by a huge leaf. From here on all kinds are in the recorded run.</summary>
    Huge,

    /// <summary>A huge page that was mapped by a huge leaf and is swapped out.</summary>
    HugeSwappedOut,

    /// <summary>A huge page, mapped page by page.</summary>
    HugeByPages,

    /// <summary>A huge page that was mapped page by page and is swapped out.</summary>
    HugeByPagesSwappedOut,

    /// <summary>One page of a huge page, the only one still mapped.</summary>
    OneOfHuge,

    /// <summary>The same, swapped out.</summary>
    OneOfHugeSwappedOut,

    /// <summary>The upper half of a huge page, moved away from the lower.</summary>
    HugeHalfMoved,

    /// <summary>A huge page of which a child that is gone had only the first page.</summary>
    HugePartlyShared,

    /// <summary>Memory that wants huge pages and was only read; and a second mapping like it.</summary>
    HugeZeroPage,
}
