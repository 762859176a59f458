namespace PageTableEmu.Paging;

/// <summary>
/// Shape of an architecture's page tables. Levels count from 1 (PTE) up to <see cref="Levels"/> (the root). Every member must be a
/// constant expression of its arguments, so that the JIT folds it: walks are unrolled over levels.
/// </summary>
public interface IPageGeometry
{
    /// <summary>log2 of the base page size.</summary>
    static abstract int PageShift { get; }

    /// <summary>Number of levels that exist (folded levels not counted): 4 or 5.</summary>
    static abstract int Levels { get; }

    /// <summary>Bits of the virtual address that are translated.</summary>
    static abstract int VirtualAddressBits { get; }

    /// <summary>Whether entries lie in memory with the most significant byte first.</summary>
    static abstract bool BigEndian { get; }

    /// <summary>First virtual address that user space cannot use.</summary>
    static abstract ulong UserSpaceEnd { get; }

    /// <summary>log2 of what one entry of a level covers. Level 1 gives <see cref="PageShift"/>.</summary>
    static abstract int LevelShift(int level);

    /// <summary>log2 of the number of entries in one table of a level.</summary>
    static abstract int LevelBits(int level);

    /// <summary>Whether an entry of this level may map memory itself.</summary>
    static abstract bool LeafAllowed(int level);

    /// <summary>Whether the address is one that the hardware translates (x86: sign extension; sparc64: outside the VA hole).</summary>
    static abstract bool IsCanonical(ulong virtualAddress);
}
