namespace PageTableEmu.Arch.X64;

/// <summary>
/// Bits of x86-64 entries (arch/x86/include/asm/pgtable_types.h).
/// <code>
///   63  62..59  58          57..52  51 ............ 12        11         10      9       8       7    6  5  4   3   2   1   0
///   NX  pkey    SAVED_DIRTY -       frame number    SOFTDIRTY UFFD_WP SPECIAL G       PAT   D  A  PCD PWT U/S R/W P    PTE
///   NX  pkey    SAVED_DIRTY -       frame 51..21/30 (PAT: 12) as above           G       PS=1 D  A  PCD PWT U/S R/W P    PMD, PUD leaf
///   (G means PROTNONE, present for Linux and inaccessible for everybody, where P is clear)
/// </code>
/// </summary>
/// <seealso cref="X64FourLevel"/>
public static class X64Bits
{
    /// <summary>P: the hardware uses the entry.</summary>
    public const ulong Present = 1;

    /// <summary>R/W: stores are allowed.</summary>
    public const ulong Write = Present << 1;

    /// <summary>U/S: user mode may use the entry.</summary>
    public const ulong User = Write << 1;

    /// <summary>PWT: bit 0 of the cache-attribute index.</summary>
    public const ulong WriteThrough = User << 1;

    /// <summary>PCD: bit 1 of the cache-attribute index.</summary>
    public const ulong CacheDisable = WriteThrough << 1;

    /// <summary>A: set by the hardware on use.</summary>
    public const ulong Accessed = CacheDisable << 1;

    /// <summary>D: set by the hardware on a store.</summary>
    public const ulong Dirty = Accessed << 1;

    /// <summary>PAT: bit 2 of the cache-attribute index, in a PTE.</summary>
    public const ulong Pat = Dirty << 1;

    /// <summary>PS: the entry of a PMD or PUD maps memory itself. The same bit as <see cref="Pat"/>.</summary>
    public const ulong Huge = Pat;

    /// <summary>G: kept across address-space switches.</summary>
    public const ulong Global = Pat << 1;

    /// <summary>Present for Linux although P is clear. The same bit as <see cref="Global"/>.</summary>
    public const ulong ProtNone = Global;

    /// <summary>The frame is not reference-counted through this entry.</summary>
    public const ulong Special = Global << 1;

    /// <summary>Write-protected by userfaultfd.</summary>
    public const ulong UffdWp = Special << 1;

    /// <summary>Written since the last clear_refs.</summary>
    public const ulong SoftDirty = UffdWp << 1;

    /// <summary>Lowest bit of the address field.</summary>
    public const ulong FrameLow = SoftDirty << 1;

    /// <summary>PAT in a large leaf: the lowest bit of what is the address field of a PTE.</summary>
    public const ulong PatLarge = FrameLow;

    /// <summary>Distance between the two places of the PAT bit.</summary>
    public const int PatMove = 5;

    /// <summary>Address field of a PTE: bits 51:12.</summary>
    public const ulong FrameMask = (1UL << 52) - FrameLow;

    /// <summary>Address field of a PMD leaf: bits 51:21.</summary>
    public const ulong FrameMask2M = FrameMask & ~((FrameLow << 9) - 1);

    /// <summary>Address field of a PUD leaf: bits 51:30.</summary>
    public const ulong FrameMask1G = FrameMask & ~((FrameLow << 18) - 1);

    /// <summary>Dirtiness of a write-protected page: with R/W clear and D set the processor would take the entry for a shadow stack.</summary>
    public const ulong SavedDirty = 1UL << 58;

    /// <summary>In an entry of the root table (the same bit as <see cref="SavedDirty"/>): not copied to the user half's shadow tables.</summary>
    public const ulong NoShadow = SavedDirty;

    /// <summary>Position of the four protection-key bits.</summary>
    public const int PkeyShift = 59;

    /// <summary>Protection key, bits 62:59.</summary>
    public const ulong PkeyMask = 15UL << PkeyShift;

    /// <summary>NX: no instruction fetches.</summary>
    public const ulong NoExecute = 1UL << 63;

    /// <summary>What an entry that points to a user table has besides the address (_PAGE_TABLE).</summary>
    public const ulong Table = Present | Write | User | Accessed | Dirty;

    /// <summary>Bits that may be set in any order by the hardware under an erratum and are ignored when an entry is compared with none.</summary>
    public const ulong Erratum = Accessed | Dirty;

    private const ulong ChangeCommon = FrameMask | WriteThrough | CacheDisable | Accessed | Dirty | SavedDirty | Special | SoftDirty | UffdWp;

    /// <summary>Bits of a PTE that a change of protection keeps (_PAGE_CHG_MASK).</summary>
    public const ulong KeepMask = ChangeCommon | Pat;

    /// <summary>Bits of a huge leaf that a change of protection keeps (_HPAGE_CHG_MASK).</summary>
    public const ulong KeepMaskHuge = ChangeCommon | Huge | PatLarge;
}
