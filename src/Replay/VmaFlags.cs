namespace PageTableEmu.Replay;

/// <summary>The VmFlags that are compared, in the order in which they are printed, and nothing else.</summary>
[Flags]
public enum VmaFlags : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>gu: a guard was ever set.</summary>
    Guard = 1 << 0,

    /// <summary>uw: VM_UFFD_WP.</summary>
    UffdWp = 1 << 1,

    /// <summary>lo: VM_LOCKED.</summary>
    Locked = 1 << 2,

    /// <summary>dc: VM_DONTCOPY.</summary>
    DontCopy = 1 << 3,

    /// <summary>wf: VM_WIPEONFORK.</summary>
    WipeOnFork = 1 << 4,

    /// <summary>hg: VM_HUGEPAGE.</summary>
    HugePage = 1 << 5,

    /// <summary>nh: VM_NOHUGEPAGE.</summary>
    NoHugePage = 1 << 6,

    /// <summary>mg: VM_MERGEABLE.</summary>
    Mergeable = 1 << 7,
}
