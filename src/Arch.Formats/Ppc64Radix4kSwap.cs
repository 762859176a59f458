using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// Non-present entries of ppc64 book3s with the radix MMU and pages of 4 KiB (arch/powerpc/include/asm/book3s/64/pgtable.h).
/// <code>
///   63       62   61       60 .. 53  52 ....... 12  11 .. 10  9           8 .. 6  5   4..0
///   PRESENT  PTE  INVALID  0         offset         0       SOFT_DIRTY  0       EX  type
///   = 0      = 1  = 0
/// </code>
/// </summary>
/// <remarks>
/// Entries are big-endian in memory on little-endian kernels too. The hash MMU uses the same form but ignores other bits in empty entries.
/// </remarks>
/// <seealso cref="ISwapFields"/>
public readonly struct Ppc64Radix4kSwap : IPpc64RadixSwap<Ppc64Radix4kSwap>
{
    /// <inheritdoc/>
    public static string Name => "ppc64_radix_4k";

    static int ISwapOnlyFormat.PageShift => 12;

    static int ISwapFormat.FrameNumberBits => 34;
}
