namespace PageTableEmu.Mm.Userfaults;

/// <summary>What is reported of a registered range (UFFDIO_REGISTER_MODE_*).</summary>
/// <seealso cref="Userfaultfd{TArch, TModel}"/>
[Flags]
public enum UserfaultModes
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Accesses to pages that are not there.</summary>
    Missing = 1,

    /// <summary>Stores to pages that were write-protected.</summary>
    WriteProtect = 2,

    /// <summary>Accesses to pages that the shared object has, but that are not mapped here.</summary>
    Minor = 4,
}
