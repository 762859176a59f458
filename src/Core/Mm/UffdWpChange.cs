namespace PageTableEmu.Mm;

/// <summary>What a change of protection does to userfaultfd write-protection (MM_CP_UFFD_WP, MM_CP_UFFD_WP_RESOLVE).</summary>
public enum UffdWpChange
{
    /// <summary>Nothing: it is mprotect's change.</summary>
    None,

    /// <summary>Every page becomes write-protected; one that is not there gets a marker.</summary>
    Protect,

    /// <summary>Write-protection ends.</summary>
    Resolve,
}
