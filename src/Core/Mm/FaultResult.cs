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

    /// <summary>The tag in the address is not that of the memory.</summary>
    TagMismatch = 256,

    /// <summary>All that ends an access.</summary>
    Error = OutOfMemory | SegmentationFault | BusError | HardwarePoison | TagMismatch,
}
