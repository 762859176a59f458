namespace PageTableEmu.Mm;

/// <summary>Outcome of a load or store by a processor in user mode.</summary>
/// <seealso cref="Machine{TArch}"/>
public enum UserAccessResult
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>No mapping, or none that allows it (SIGSEGV).</summary>
    SegmentationFault,

    /// <summary>The content is lost (SIGBUS).</summary>
    BusError,

    /// <summary>The tag in the address is not that of the memory (SIGSEGV with SEGV_ADIPERR, SEGV_MTESERR).</summary>
    TagMismatch,

    /// <summary>No frame could be had, not even by reclaim.</summary>
    OutOfMemory,

    /// <summary>A userfaultfd has to resolve the fault first, and no handler did: resolve it, then access again.</summary>
    UserfaultPending,
}
