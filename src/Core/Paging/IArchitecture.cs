namespace PageTableEmu.Paging;

/// <summary>
/// An architecture: one struct of static abstract members, so that the JIT compiles each machine as if it were written for it alone.
/// </summary>
/// <remarks>
/// To add one: (1) say its geometry (<see cref="IPageGeometry"/>) and check it with walk vectors; (2) its present entries
/// (<see cref="ILeafFormat"/>), starting with <see cref="ILeafFormat.IsNone"/>, <see cref="ILeafFormat.IsPresent"/> and
/// <see cref="ILeafFormat.IsTable"/>, which must exclude each other; (3) its non-present entries (<see cref="ISwapFormat"/>): no value they
/// can produce may be none or present; (4) give it an <see cref="Id"/> that nobody uses, and run the laws: <c>ArchitectureConformance.Run</c>, and
/// <c>TagProviderConformance.Run</c> if it has tags; (5) where walks must be fast, say what its entries usually look like
/// (<see cref="IQuickWalk"/>).
/// </remarks>
/// <seealso cref="ITagged{TTags}"/>
public interface IArchitecture : IPageGeometry, ILeafFormat, ISwapFormat, IPageTagProvider, IQuickWalk
{
    /// <summary>Short name, as in the vector files: <c>x86_64</c>, <c>sparc64_sun4v</c>.</summary>
    static abstract string Name { get; }

    /// <summary>Number stored in the metadata image, so that an image is not opened with another architecture's formats.</summary>
    static abstract uint Id { get; }

    /// <summary>
    /// Bits of a frame number that a leaf can hold where that is less than <see cref="ISwapFormat.FrameNumberBits"/>; otherwise 0.
    /// </summary>
    static virtual int NarrowLeafFrameBits => 0;

    /// <summary>log2 of the size of a PMD-level huge page.</summary>
    static abstract int HugePageShift { get; }

    /// <summary>Slots of one swap cluster (SWAPFILE_CLUSTER): 512 on x86-64, 256 on sparc64.</summary>
    static abstract int SwapClusterSlots { get; }

    /// <summary>
    /// Whether MADV_DONTNEED frees level-1 tables that it emptied (ARCH_SUPPORTS_PT_RECLAIM): on x86-64 only, in Linux 6.18.
    /// </summary>
    static virtual bool ReclaimsEmptyTables => false;

    /// <summary>The configuration options that a usual kernel of this architecture has on.</summary>
    static abstract SwapTypeOptions UsualSwapTypeOptions { get; }

    /// <summary>The type numbers of a kernel of this architecture with its usual configuration (7.2).</summary>
    static abstract SwapTypeLayout DefaultSwapTypes { get; }
}
