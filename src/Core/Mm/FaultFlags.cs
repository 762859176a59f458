namespace PageTableEmu.Mm;

/// <summary>Why a page fault is handled (the kernel's FAULT_FLAG_*).</summary>
[Flags]
public enum FaultFlags
{
    /// <summary>A load.</summary>
    None = 0,

    /// <summary>A store: the entry must become writable.</summary>
    Write = 1,

    /// <summary>Make the page exclusive without making it writable (for read-only pins); excludes <see cref="Write"/>.</summary>
    Unshare = 2,

    /// <summary>The handler may start a read from a device and ask to be called again instead of waiting for it.</summary>
    AllowRetry = 4,

    /// <summary>This is the second call: the fault counts as major.</summary>
    Tried = 8,
}
