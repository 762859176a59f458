namespace PageTableEmu.Mm.Marks;

/// <summary>What is known of one page of an address space beside its <see cref="PageInfo.Kind"/>.</summary>
/// <seealso cref="PageMap{TArch, TModel}"/>
[Flags]
public enum PageInfoFlags
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Written since soft-dirty was cleared: the entry says so, or the VMA does for all its pages.</summary>
    SoftDirty = 1,

    /// <summary>Write-protected by userfaultfd: a mark of the entry, or a marker.</summary>
    UffdWp = 2,

    /// <summary>The page, or the slot, belongs to this entry alone.</summary>
    Exclusive = 4,

    /// <summary>In memory and mapped exactly once (bit 56 of pagemap).</summary>
    MappedOnce = 8,

    /// <summary>Not anonymous: a page of a shared object (bit 61 of pagemap).</summary>
    FileOrShared = 16,

    /// <summary>A guard region: an access ends in SIGSEGV.</summary>
    Guard = 32,

    /// <summary>The content is lost: an access ends in SIGBUS.</summary>
    Poisoned = 64,

    /// <summary>Mapped by a huge leaf.</summary>
    Huge = 128,

    /// <summary>The shared zero page.</summary>
    ZeroPage = 256,

    /// <summary>Stores take no fault.</summary>
    Writable = 512,

    /// <summary>The entry is dirty.</summary>
    Dirty = 1024,

    /// <summary>The entry was used.</summary>
    Young = 2048,
}
