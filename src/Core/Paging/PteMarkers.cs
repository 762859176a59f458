namespace PageTableEmu.Paging;

/// <summary>What a marker entry remembers about a page that is not there: bits of its offset field (include/linux/swapops.h, PTE_MARKER_*).</summary>
[Flags]
public enum PteMarkers
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The page is write-protected by userfaultfd although nothing is mapped.</summary>
    UffdWp = 1,

    /// <summary>The contents are lost: an access ends in SIGBUS. Since Linux 6.6.</summary>
    Poisoned = UffdWp << 1,

    /// <summary>A guard region: an access ends in SIGSEGV. Since Linux 6.13.</summary>
    Guard = Poisoned << 1,
}
