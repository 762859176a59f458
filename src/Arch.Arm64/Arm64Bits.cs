namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// Bits of arm64 entries with a granule of 4 KiB and 48 bits of physical address (arch/arm64/include/asm/pgtable-hwdef.h, pgtable-prot.h).
/// <code>
///   63  62..60  59 58      57 56      55    54  53  52   51        50 49..48 47 ....... 12  11 10 9..8 7      6    5  4..2 1     0
///   -   PO      -  UFFD_WP -  SPECIAL DIRTY UXN PXN CONT DBM=WRITE GP -      address        NG AF SH   RDONLY USER NS ATTR page  VALID   leaf
///   -           PXNTable 59, UXNTable 60                                     address 47..12    AF                          1     VALID   table
/// </code>
/// </summary>
/// <seealso cref="Arm64FourLevel"/>
public static class Arm64Bits
{
    /// <summary>The hardware uses the entry.</summary>
    public const ulong Valid = 1;

    /// <summary>Of a PTE: a page (always set in valid ones). Above: points to a table; a leaf has it clear.</summary>
    public const ulong PageOrTable = Valid << 1;

    /// <summary>Both bits of the descriptor's type.</summary>
    public const ulong TypeMask = Valid | PageOrTable;

    /// <summary>Index of the memory attributes: 0 is normal memory, 1 normal memory with tags (MTE).</summary>
    public const ulong AttributeMask = 7UL << AttributeShift;

    /// <summary>Normal memory whose accesses are checked against tags.</summary>
    public const ulong NormalTagged = 1UL << AttributeShift;

    /// <summary>AP[1]: user mode may load, and store unless <see cref="ReadOnly"/>.</summary>
    public const ulong User = 1UL << 6;

    /// <summary>AP[2]: stores are refused, or recorded where <see cref="Write"/> is set.</summary>
    public const ulong ReadOnly = User << 1;

    /// <summary>SH: inner shareable.</summary>
    public const ulong Shared = 3UL << SharedShift;

    /// <summary>AF: accessed.</summary>
    public const ulong Accessed = 1UL << 10;

    /// <summary>nG: belongs to an address space.</summary>
    public const ulong NotGlobal = Accessed << 1;

    /// <summary>Where VALID is clear: present for Linux nevertheless (PTE_PRESENT_INVALID). The same bit as <see cref="NotGlobal"/>.</summary>
    public const ulong PresentInvalid = NotGlobal;

    /// <summary>GP: branch targets are guarded.</summary>
    public const ulong Guarded = 1UL << 50;

    /// <summary>DBM: the hardware clears <see cref="ReadOnly"/> on a store, so this is Linux's write permission.</summary>
    public const ulong Write = Guarded << 1;

    /// <summary>One of a run of entries that one TLB entry may cover.</summary>
    public const ulong Contiguous = Write << 1;

    /// <summary>No instruction fetches by the kernel.</summary>
    public const ulong PrivilegedNoExecute = Contiguous << 1;

    /// <summary>No instruction fetches by user mode.</summary>
    public const ulong UserNoExecute = PrivilegedNoExecute << 1;

    /// <summary>Software: written, where the hardware's encoding of it was lost with the write permission.</summary>
    public const ulong Dirty = UserNoExecute << 1;

    /// <summary>Software: the frame is not reference-counted through this entry.</summary>
    public const ulong Special = Dirty << 1;

    /// <summary>Software: write-protected by userfaultfd.</summary>
    public const ulong UffdWp = Special << 2;

    /// <summary>PXNTable of an entry that points to a table.</summary>
    public const ulong TablePrivilegedNoExecute = UffdWp << 1;

    /// <summary>UXNTable of an entry that points to a table.</summary>
    public const ulong TableUserNoExecute = TablePrivilegedNoExecute << 1;

    /// <summary>Index of the permission overlay.</summary>
    public const ulong OverlayMask = 7UL << OverlayShift;

    /// <summary>Address field of a PTE and of an entry that points to a table: bits 47:12.</summary>
    public const ulong FrameMask = (1UL << 48) - (1UL << 12);

    /// <summary>What an entry that points to a user table has besides the address: the kernel shall not execute what it maps.</summary>
    public const ulong Table = TypeMask | Accessed | TablePrivilegedNoExecute;

    /// <summary>Bits that a change of protection takes from the new protection (pte_modify).</summary>
    public const ulong ModifyMask = User | PrivilegedNoExecute | UserNoExecute | ReadOnly | PresentInvalid | Valid | Write | Guarded | AttributeMask
        | OverlayMask;

    internal const int AttributeShift = 2;
    internal const int SharedShift = 8;
    internal const int OverlayShift = 60;
}
