namespace PageTableEmu.Mm.Marks;

/// <summary>What a scan can ask of a page (PAGE_IS_* of PAGEMAP_SCAN, with its numbers).</summary>
/// <seealso cref="PageScan{TArch, TModel}"/>
[Flags]
public enum PageCategories
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The VMA is registered for asynchronous write-protection (PAGE_IS_WPALLOWED).</summary>
    WriteProtectAllowed = 1,

    /// <summary>There, and not write-protected: written since it was (PAGE_IS_WRITTEN).</summary>
    Written = 2,

    /// <summary>A page of a shared object (PAGE_IS_FILE).</summary>
    File = 4,

    /// <summary>In memory (PAGE_IS_PRESENT).</summary>
    Present = 8,

    /// <summary>Remembered by a non-present entry of any kind (PAGE_IS_SWAPPED).</summary>
    Swapped = 16,

    /// <summary>The zero page (PAGE_IS_PFNZERO).</summary>
    Zero = 32,

    /// <summary>Mapped by a huge leaf (PAGE_IS_HUGE).</summary>
    Huge = 64,

    /// <summary>Written since soft-dirty was cleared (PAGE_IS_SOFT_DIRTY).</summary>
    SoftDirty = 128,

    /// <summary>A guard region (PAGE_IS_GUARD).</summary>
    Guard = 256,
}
