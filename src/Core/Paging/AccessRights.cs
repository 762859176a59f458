namespace PageTableEmu.Paging;

/// <summary>
/// What a mapping allows, independent of the architecture: the input of <see cref="ILeafFormat.ProtectionOf"/> (VM_READ, VM_WRITE, VM_EXEC,
/// VM_SHARED).
/// </summary>
/// <seealso cref="PageTable{TArch, TModel}"/>
[Flags]
public enum AccessRights
{
    /// <summary>No access (PROT_NONE).</summary>
    None = 0,

    /// <summary>Loads.</summary>
    Read = 1,

    /// <summary>Stores. In a private mapping the protection value is read-only: the fault handler grants writing page by page.</summary>
    Write = 2,

    /// <summary>Instruction fetches.</summary>
    Execute = 4,

    /// <summary>The mapping is shared.</summary>
    Shared = 8,

    /// <summary>Accesses are checked against the tags of memory (PROT_ADI; VM_SPARC_ADI). Nothing on architectures without tags.</summary>
    TagChecked = 1 << 24,
}
