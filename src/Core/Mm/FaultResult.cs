namespace PageTableEmu.Mm;

/// <summary>What became of a page fault (the kernel's VM_FAULT_*).</summary>
[Flags]
public enum FaultResult
{
    /// <summary>Handled, or overtaken by somebody else: access again.</summary>
    None = 0,

    /// <summary>A device was read.</summary>
    Major = 1,

    /// <summary>Not finished: the caller gives the mmap_lock up and calls again with <see cref="FaultFlags.Tried"/>.</summary>
    Retry = 2,

    /// <summary>No frame, table or record was free; nothing changed.</summary>
    OutOfMemory = 4,

    /// <summary>The page must not be accessed (SIGSEGV): a guard page.</summary>
    SegmentationFault = 8,

    /// <summary>The content is lost (SIGBUS): its slot could not be read, or the entry is no known one.</summary>
    BusError = 16,

    /// <summary>The content is lost to a memory error.</summary>
    HardwarePoison = 32,

    /// <summary>Nothing is mapped, and a userfaultfd asked to be told (UFFD_PAGEFAULT_FLAG_* without a bit): resolve it and access again.</summary>
    UserfaultMissing = 64,

    /// <summary>A store to a page that userfaultfd write-protects (UFFD_PAGEFAULT_FLAG_WP): resolve it and access again.</summary>
    UserfaultWriteProtect = 128,

    /// <summary>A page of a shared object that is not mapped here, with userfaultfd in minor mode (UFFD_PAGEFAULT_FLAG_MINOR).</summary>
    UserfaultMinor = 256,

    /// <summary>A userfaultfd has to resolve the fault first; nothing changed.</summary>
    Userfault = UserfaultMissing | UserfaultWriteProtect | UserfaultMinor,

    /// <summary>The tag in the address is not that of the memory.</summary>
    TagMismatch = 512,

    /// <summary>All that ends an access.</summary>
    Error = OutOfMemory | SegmentationFault | BusError | HardwarePoison | Userfault | TagMismatch,
}
