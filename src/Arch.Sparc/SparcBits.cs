namespace PageTableEmu.Arch.Sparc;

/// <summary>Bits of a translation table entry that lie in the same place on every sparc64 processor (arch/sparc/include/asm/pgtable_64.h).</summary>
/// <seealso cref="Sun4vM7"/>
public static class SparcBits
{
    /// <summary>log2 of the base page size.</summary>
    public const int PageShift = 13;

    /// <summary>VALID: the hardware uses the entry. Linux clears it to learn about the next use.</summary>
    public const ulong Valid = 1UL << 63;

    /// <summary>Software: the frame is not reference-counted through this entry.</summary>
    public const ulong Special = 1UL << 57;

    /// <summary>Software: an entry of a PMD or PUD that maps memory itself.</summary>
    public const ulong Huge = Special >> 1;

    /// <summary>Bits of an entry below the address of a page, which a pointer to a table leaves clear.</summary>
    public const ulong PageOffset = (1UL << PageShift) - 1;
}
