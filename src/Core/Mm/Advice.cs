namespace PageTableEmu.Mm;

/// <summary>What madvise(2) can be told about a range.</summary>
/// <example>
/// <code>
/// machine.Advise(process, start, 0x1000, Advice.PageOut, ref faults);
/// bool away = machine.PageMap.Look(process, start).Kind == SoftLeafKind.Swap;
/// </code>
/// </example>
public enum Advice
{
    /// <summary>MADV_COLD: not needed soon.</summary>
    Cold,

    /// <summary>MADV_PAGEOUT: reclaim now.</summary>
    PageOut,

    /// <summary>MADV_WILLNEED: read swapped pages into the swap cache.</summary>
    WillNeed,

    /// <summary>MADV_DONTNEED: drop the contents now.</summary>
    DontNeed,

    /// <summary>MADV_FREE: drop the contents when memory is short, unless they are written again before.</summary>
    Free,

    /// <summary>MADV_POPULATE_READ: fault in for reading.</summary>
    PopulateRead,

    /// <summary>MADV_POPULATE_WRITE: fault in for writing.</summary>
    PopulateWrite,

    /// <summary>MADV_DONTFORK.</summary>
    DontFork,

    /// <summary>MADV_DOFORK.</summary>
    DoFork,

    /// <summary>MADV_WIPEONFORK.</summary>
    WipeOnFork,

    /// <summary>MADV_KEEPONFORK.</summary>
    KeepOnFork,

    /// <summary>MADV_HUGEPAGE: sets the property.</summary>
    HugePage,

    /// <summary>MADV_NOHUGEPAGE: sets the property.</summary>
    NoHugePage,

    /// <summary>MADV_GUARD_INSTALL: an access to the range ends in SIGSEGV from now on, what it held is dropped.</summary>
    GuardInstall,

    /// <summary>MADV_GUARD_REMOVE: the range can be used again.</summary>
    GuardRemove,

    /// <summary>MADV_MERGEABLE: same-page merging may share equal pages of the range.</summary>
    Mergeable,

    /// <summary>MADV_UNMERGEABLE: no more; pages that were merged get frames of their own, at the cost of a fault each.</summary>
    Unmergeable,

    /// <summary>MADV_COLLAPSE: copy the pages of the range into huge pages now.</summary>
    Collapse,
}
