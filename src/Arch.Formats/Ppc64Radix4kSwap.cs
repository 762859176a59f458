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
/// <seealso cref="IFieldSwapFormat"/>
public readonly struct Ppc64Radix4kSwap : IFieldSwapFormat
{
    /// <inheritdoc/>
    public static string Name => "ppc64_radix_4k";

    /// <inheritdoc/>
    public static int Level => 1;

    /// <inheritdoc/>
    public static int PageShift => 12;

    /// <inheritdoc/>
    public static bool BigEndian => true;

    /// <inheritdoc/>
    public static SwapTypeOptions UsualSwapTypeOptions => SwapTypeOptions.All;

    /// <inheritdoc/>
    public static int SwapTypeBits => 5;

    /// <inheritdoc/>
    public static int SwapOffsetBits => 41;

    /// <inheritdoc/>
    public static int FrameNumberBits => 34;

    /// <inheritdoc/>
    public static int TypeShift => 0;

    /// <inheritdoc/>
    public static int OffsetShift => 12;

    /// <inheritdoc/>
    public static ulong FixedBits => 1UL << 62;

    /// <inheritdoc/>
    public static ulong ExclusiveBit => 1UL << 5;

    /// <inheritdoc/>
    public static ulong SoftDirtyBit => 1UL << 9;

    /// <inheritdoc/>
    public static ulong UffdWpBit => 0;

    /// <inheritdoc/>
    public static bool HasSwapExclusive => ExclusiveBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapSoftDirty => SoftDirtyBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapUffdWp => UffdWpBit != 0;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => (entry.Raw & ~0x180UL) == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw >> 62) == 3 || (entry.Raw & (3UL << 61)) == 3UL << 61;

    /// <inheritdoc/>
    public static Pte EncodeSwap(uint type, ulong offset) => FieldSwap<Ppc64Radix4kSwap>.Encode(type, offset);

    /// <inheritdoc/>
    public static uint SwapType(Pte entry) => FieldSwap<Ppc64Radix4kSwap>.Type(entry);

    /// <inheritdoc/>
    public static ulong SwapOffset(Pte entry) => FieldSwap<Ppc64Radix4kSwap>.Offset(entry);

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
