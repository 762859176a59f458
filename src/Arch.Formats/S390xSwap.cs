using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// Non-present PTEs of s390x (arch/s390/include/asm/pgtable.h).
/// <code>
///   63 ....... 12  11  10       9        8 7  6..2  1           0
///   offset         EX  INVALID  PROTECT  0    type  SOFT_DIRTY  PRESENT
///                      = 1      = 1                             = 0
/// </code>
/// </summary>
/// <remarks>An empty entry is not zero: it has INVALID. Frame numbers are those of the default limit of 46 bits of physical address.</remarks>
/// <seealso cref="IFieldSwapFormat"/>
public readonly struct S390xSwap : IFieldSwapFormat
{
    /// <inheritdoc/>
    public static string Name => "s390x";

    /// <inheritdoc/>
    public static int Level => 1;

    /// <inheritdoc/>
    public static int PageShift => 12;

    /// <inheritdoc/>
    public static bool BigEndian => true;

    /// <inheritdoc/>
    public static SwapTypeOptions UsualSwapTypeOptions => SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure;

    /// <inheritdoc/>
    public static int SwapTypeBits => 5;

    /// <inheritdoc/>
    public static int SwapOffsetBits => 52;

    /// <inheritdoc/>
    public static int FrameNumberBits => 34;

    /// <inheritdoc/>
    public static int TypeShift => 2;

    /// <inheritdoc/>
    public static int OffsetShift => 12;

    /// <inheritdoc/>
    public static ulong FixedBits => 0x600;

    /// <inheritdoc/>
    public static ulong ExclusiveBit => 1UL << 11;

    /// <inheritdoc/>
    public static ulong SoftDirtyBit => 1UL << 1;

    /// <inheritdoc/>
    public static ulong UffdWpBit => 0;

    /// <inheritdoc/>
    public static bool HasSwapExclusive => ExclusiveBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapSoftDirty => SoftDirtyBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapUffdWp => UffdWpBit != 0;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => entry.Raw == 0x400;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & 1) != 0;

    /// <inheritdoc/>
    public static Pte EncodeSwap(uint type, ulong offset) => FieldSwap<S390xSwap>.Encode(type, offset);

    /// <inheritdoc/>
    public static uint SwapType(Pte entry) => FieldSwap<S390xSwap>.Type(entry);

    /// <inheritdoc/>
    public static ulong SwapOffset(Pte entry) => FieldSwap<S390xSwap>.Offset(entry);

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
