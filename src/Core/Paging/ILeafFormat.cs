namespace PageTableEmu.Paging;

/// <summary>
/// Bits of an architecture's present entries: what Linux's pte_*, pmd_*, pud_* helpers do (arch/*/include/asm/pgtable*.h).
/// Where an operation differs by level, the level is an argument (1 = PTE).
/// </summary>
public interface ILeafFormat
{
    /// <summary>Whether the format has a soft-dirty bit.</summary>
    static abstract bool HasSoftDirty { get; }

    /// <summary>Whether the format has a userfaultfd write-protect bit.</summary>
    static abstract bool HasUffdWp { get; }

    /// <summary>Nothing is mapped and nothing is remembered (pte_none; on x86 the A and D bits are ignored).</summary>
    static abstract bool IsNone(Pte entry, int level);

    /// <summary>Linux's notion of present, which on sparc64 and for PROT_NONE is not the hardware's.</summary>
    static abstract bool IsPresent(Pte entry, int level);

    /// <summary>A present entry of level 2 or above that points to a table.</summary>
    static abstract bool IsTable(Pte entry, int level);

    /// <summary>A present entry that maps memory: always true of a present entry of level 1.</summary>
    static abstract bool IsLeaf(Pte entry, int level);

    /// <summary>An entry that is neither none, nor a well-formed table, nor a leaf (pmd_bad and its like).</summary>
    static abstract bool IsBad(Pte entry, int level);

    /// <summary>Makes an entry that points to a table at a physical address (a multiple of the page size).</summary>
    static abstract Pte MakeTable(ulong physicalAddress);

    /// <summary>Physical address of the table an entry points to.</summary>
    static abstract ulong TableAddress(Pte entry);

    /// <summary>The protection value of a mapping (vm_get_page_prot).</summary>
    static abstract Protection ProtectionOf(AccessRights rights);

    /// <summary>Makes a leaf (mk_pte, mk_pmd, mk_pud): frame number and protection, no more.</summary>
    static abstract Pte MakeLeaf(ulong frame, Protection protection, int level);

    /// <summary>Frame number of a leaf (pte_pfn).</summary>
    static abstract ulong FrameOf(Pte entry, int level);

    /// <summary>Changes the protection of a leaf, keeping what must be kept (pte_modify).</summary>
    static abstract Pte Modify(Pte entry, Protection protection, int level);

    /// <summary>Moves a leaf on by a number of frames (pte_advance_pfn).</summary>
    static abstract Pte Advance(Pte entry, ulong frames, int level);

    /// <summary>Accessed since the bit was last cleared.</summary>
    static abstract bool IsYoung(Pte entry);

    /// <summary>Written since the bit was last cleared (x86: DIRTY or SAVED_DIRTY).</summary>
    static abstract bool IsDirty(Pte entry);

    /// <summary>Stores are allowed (pte_write).</summary>
    static abstract bool IsWritable(Pte entry);

    /// <summary>Instruction fetches are allowed.</summary>
    static abstract bool IsExecutable(Pte entry);

    /// <summary>User mode may use the entry.</summary>
    static abstract bool IsUser(Pte entry);

    /// <summary>Present for Linux, inaccessible for everybody (PROT_NONE).</summary>
    static abstract bool IsProtNone(Pte entry);

    /// <summary>The frame has no reference counting through this entry (pte_special): the zero page.</summary>
    static abstract bool IsSpecial(Pte entry);

    /// <summary>Soft-dirty bit of a present entry; false where the format has none.</summary>
    static abstract bool IsSoftDirty(Pte entry);

    /// <summary>Userfaultfd write-protect bit of a present entry; false where the format has none.</summary>
    static abstract bool IsUffdWp(Pte entry);

    /// <summary>pte_mkyoung.</summary>
    static abstract Pte MakeYoung(Pte entry);

    /// <summary>pte_mkold.</summary>
    static abstract Pte MakeOld(Pte entry);

    /// <summary>pte_mkdirty.</summary>
    static abstract Pte MakeDirty(Pte entry);

    /// <summary>pte_mkclean.</summary>
    static abstract Pte MakeClean(Pte entry);

    /// <summary>pte_mkwrite for an ordinary VMA.</summary>
    static abstract Pte MakeWritable(Pte entry);

    /// <summary>pte_wrprotect.</summary>
    static abstract Pte WriteProtect(Pte entry);

    /// <summary>pte_mkspecial.</summary>
    static abstract Pte MakeSpecial(Pte entry);

    /// <summary>pte_mksoft_dirty; the entry itself where the format has none.</summary>
    static abstract Pte MakeSoftDirty(Pte entry);

    /// <summary>pte_clear_soft_dirty.</summary>
    static abstract Pte ClearSoftDirty(Pte entry);

    /// <summary>pte_mkuffd_wp: also removes write permission.</summary>
    static abstract Pte MakeUffdWp(Pte entry);

    /// <summary>pte_clear_uffd_wp.</summary>
    static abstract Pte ClearUffdWp(Pte entry);

    /// <summary>
    /// Takes a huge leaf away from the hardware without making it non-present for Linux (pmd_mkinvalid); the frame number stays readable
    /// (x86-64: clears P and PROTNONE and keeps PSE; sparc64: clears VALID).
    /// </summary>
    /// <param name="entry">A leaf of level 2 or above.</param>
    /// <param name="level">Level of the entry.</param>
    static abstract Pte MakeInvalid(Pte entry, int level);

    /// <summary>
    /// What the memory management unit does for one access in user mode: whether the entry allows it and, if so, the entry as the
    /// hardware leaves it (x86 sets A and D by itself; sparc64 never does: an old or clean entry traps instead).
    /// </summary>
    /// <param name="entry">A level-1 entry or huge leaf.</param>
    /// <param name="kind">The access.</param>
    /// <param name="level">Level of the entry.</param>
    /// <param name="after">The entry after the access; equal to <paramref name="entry"/> when nothing changes.</param>
    static abstract bool TryAccess(Pte entry, AccessKind kind, int level, out Pte after);
}
