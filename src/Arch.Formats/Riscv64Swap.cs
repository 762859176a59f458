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
/// <seealso cref="IFieldSwapFormat"/>
public readonly struct Riscv64Swap : IFieldSwapFormat
{
    /// <inheritdoc/>
    public static string Name => "riscv64";

    /// <inheritdoc/>
    public static int Level => 1;

    /// <inheritdoc/>
    public static int PageShift => 12;

    /// <inheritdoc/>
    public static bool BigEndian => false;

    /// <inheritdoc/>
    public static SwapTypeOptions UsualSwapTypeOptions => SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure;

    /// <inheritdoc/>
    public static int SwapTypeBits => 5;

    /// <inheritdoc/>
    public static int SwapOffsetBits => 52;

    /// <inheritdoc/>
    public static int FrameNumberBits => 44;

    /// <inheritdoc/>
    public static int TypeShift => 7;

    /// <inheritdoc/>
    public static int OffsetShift => 12;

    /// <inheritdoc/>
    public static ulong FixedBits => 0;

    /// <inheritdoc/>
    public static ulong ExclusiveBit => 1UL << 6;

    /// <inheritdoc/>
    public static ulong SoftDirtyBit => 1UL << 3;

    /// <inheritdoc/>
    public static ulong UffdWpBit => 1UL << 4;

    /// <inheritdoc/>
    public static bool HasSwapExclusive => ExclusiveBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapSoftDirty => SoftDirtyBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapUffdWp => UffdWpBit != 0;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => entry.Raw == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & (1UL | (1UL << 5))) != 0;

    /// <inheritdoc/>
    public static Pte EncodeSwap(uint type, ulong offset) => FieldSwap<Riscv64Swap>.Encode(type, offset);

    /// <inheritdoc/>
    public static uint SwapType(Pte entry) => FieldSwap<Riscv64Swap>.Type(entry);

    /// <inheritdoc/>
    public static ulong SwapOffset(Pte entry) => FieldSwap<Riscv64Swap>.Offset(entry);

    /// <inheritdoc/>
    public static bool IsSwapExclusive(Pte entry) => (entry.Raw & ExclusiveBit) != 0;

    /// <inheritdoc/>
    public static Pte MakeSwapExclusive(Pte entry) => new(entry.Raw | ExclusiveBit);

    /// <inheritdoc/>
    public static Pte ClearSwapExclusive(Pte entry) => new(entry.Raw & ~ExclusiveBit);

    /// <inheritdoc/>
    public static bool IsSwapSoftDirty(Pte entry) => (entry.Raw & SoftDirtyBit) != 0;

    /// <inheritdoc/>
    public static Pte MakeSwapSoftDirty(Pte entry) => new(entry.Raw | SoftDirtyBit);

    /// <inheritdoc/>
    public static Pte ClearSwapSoftDirty(Pte entry) => new(entry.Raw & ~SoftDirtyBit);

    /// <inheritdoc/>
    public static bool IsSwapUffdWp(Pte entry) => (entry.Raw & UffdWpBit) != 0;

    /// <inheritdoc/>
    public static Pte MakeSwapUffdWp(Pte entry) => new(entry.Raw | UffdWpBit);

    /// <inheritdoc/>
    public static Pte ClearSwapUffdWp(Pte entry) => new(entry.Raw & ~UffdWpBit);
}
