namespace PageTableEmu.Mm.Userfaults;

/// <summary>What a userfaultfd context is opened with (UFFDIO_API, UFFD_FEATURE_*).</summary>
/// <seealso cref="Userfaultfd{TArch, TModel}"/>
[Flags]
public enum UserfaultFeatures : uint
{
    /// <summary>Write-protection is synchronous, and pages that are not there are not write-protected.</summary>
    None = 0,

    /// <summary>Pages of private memory that are not there can be write-protected, by a marker (UFFD_FEATURE_WP_UNPOPULATED).</summary>
    WriteProtectUnpopulated = 1,

    /// <summary>
    /// A store ends the write-protection of its page by itself (UFFD_FEATURE_WP_ASYNC). Includes <see cref="WriteProtectUnpopulated"/>.
    /// </summary>
    WriteProtectAsync = 2,

    /// <summary>A fault that would have to be resolved ends in a bus error instead (UFFD_FEATURE_SIGBUS).</summary>
    BusError = 4,
}
