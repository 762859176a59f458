namespace PageTableEmu.Mm;

/// <summary>Properties of a VMA, bit for bit the kernel's VM_* (include/linux/mm.h).</summary>
/// <seealso cref="Machine{TArch}"/>
[Flags]
public enum VmaFlags : uint
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>May be read (VM_READ).</summary>
    Read = 1u << 0,

    /// <summary>May be written (VM_WRITE).</summary>
    Write = 1u << 1,

    /// <summary>May be executed (VM_EXEC).</summary>
    Execute = 1u << 2,

    /// <summary>Shared with other address spaces, stores included (VM_SHARED).</summary>
    Shared = 1u << 3,

    /// <summary>mprotect may grant <see cref="Read"/> (VM_MAYREAD).</summary>
    MayRead = 1u << 4,

    /// <summary>mprotect may grant <see cref="Write"/> (VM_MAYWRITE).</summary>
    MayWrite = 1u << 5,

    /// <summary>mprotect may grant <see cref="Execute"/> (VM_MAYEXEC).</summary>
    MayExecute = 1u << 6,

    /// <summary>The mapping was asked to be shared (VM_MAYSHARE).</summary>
    MayShare = 1u << 7,

    /// <summary>Missing pages are reported to the userfaultfd context (VM_UFFD_MISSING).</summary>
    UffdMissing = 1u << 9,

    /// <summary>
    /// A guard marker was set in it once (VM_MAYBE_GUARD; its page table is copied by fork). Sticky: no obstacle to a merge, and the merged
    /// VMA has it when one of its parts had it.
    /// </summary>
    Guard = 1u << 11,

    /// <summary>Write-protected pages are reported to the userfaultfd context (VM_UFFD_WP).</summary>
    UffdWriteProtect = 1u << 12,

    /// <summary>Pages stay in memory (VM_LOCKED).</summary>
    Locked = 1u << 13,

    /// <summary>Sequential access was announced (VM_SEQ_READ).</summary>
    SequentialRead = 1u << 15,

    /// <summary>Random access was announced (VM_RAND_READ).</summary>
    RandomRead = 1u << 16,

    /// <summary>Not given to a forked child (VM_DONTCOPY).</summary>
    DontFork = 1u << 17,

    /// <summary>mremap may not make it larger (VM_DONTEXPAND).</summary>
    DontExpand = 1u << 18,

    /// <summary>Pages are locked when they are touched, not at once (VM_LOCKONFAULT).</summary>
    LockOnFault = 1u << 19,

    /// <summary>Counted as committed memory (VM_ACCOUNT).</summary>
    Account = 1u << 20,

    /// <summary>Never counted as committed memory (VM_NORESERVE).</summary>
    NoReserve = 1u << 21,

    /// <summary>First bit that belongs to the architecture (VM_ARCH_1).</summary>
    Architecture = 1u << 24,

    /// <summary>Accesses are checked against the tags of memory, on architectures that have them (VM_SPARC_ADI, which is VM_ARCH_1).</summary>
    TagChecked = Architecture,

    /// <summary>Empty in a forked child (VM_WIPEONFORK).</summary>
    WipeOnFork = 1u << 25,

    /// <summary>Left out of core dumps (VM_DONTDUMP).</summary>
    DontDump = 1u << 26,

    /// <summary>Every page of it counts as soft-dirty (VM_SOFTDIRTY). Sticky as <see cref="Guard"/>.</summary>
    SoftDirty = 1u << 27,

    /// <summary>
    /// Pages of a shared object that are not mapped are reported to the userfaultfd context (VM_UFFD_MINOR). The kernel's bit 41 does not fit this
    /// word; it stands where the kernel has VM_MIXEDMAP, which memory without a device never has.
    /// </summary>
    UffdMinor = 1u << 28,

    /// <summary>Huge pages wanted (VM_HUGEPAGE).</summary>
    HugePage = 1u << 29,

    /// <summary>Huge pages not wanted (VM_NOHUGEPAGE).</summary>
    NoHugePage = 1u << 30,

    /// <summary>Equal pages may be merged by KSM (VM_MERGEABLE).</summary>
    Mergeable = 1u << 31,
}
