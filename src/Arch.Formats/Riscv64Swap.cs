using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// Non-present entries of riscv64 with three, four or five levels (arch/riscv/include/asm/pgtable.h, since Linux 6.2).
/// <code>
///   63 ....... 12  11..7  6   5         4        3           2 1  0
///   offset         type   EX  PROT_NONE UFFD_WP  SOFT_DIRTY  0    PRESENT
///                              = 0                               = 0
/// </code>
/// </summary>
/// <remarks>The soft-dirty and userfaultfd marks exist on processors with Svrsw60t59b, and kernels after 6.12, only.</remarks>
/// <seealso cref="ISwapFields"/>
public readonly struct Riscv64Swap : ISwapOnlyFormat, ISwapFields, IFieldSwap<Riscv64Swap>
{
    /// <inheritdoc/>
    public static string Name => "riscv64";

    static int ISwapOnlyFormat.Level => 1;

    static int ISwapOnlyFormat.PageShift => 12;

    static bool ISwapOnlyFormat.BigEndian => false;

    static SwapTypeOptions ISwapOnlyFormat.UsualSwapTypeOptions => SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure;

    static int ISwapFormat.FrameNumberBits => 44;

    static int ISwapFields.TypeShift => 7;

    static int ISwapFields.TypeBits => 5;

    static int ISwapFields.OffsetShift => 12;

    static int ISwapFields.OffsetBits => 52;

    static ulong ISwapFields.ExclusiveBit => 1UL << 6;

    static ulong ISwapFields.SoftDirtyBit => 1UL << 3;

    static ulong ISwapFields.UffdWpBit => 1UL << 4;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => entry.Raw == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & (1UL | (1UL << 5))) != 0;
}
