using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// Non-present segment-table entries (PMD) of s390x, new after Linux 6.12.
/// <code>
///   63 ....... 12  11  10..6  5        4        3 2  1           0
///   offset         0   type   INVALID  PROTECT  0    SOFT_DIRTY  PRESENT
///                             = 1      = 1                       = 0
/// </code>
/// </summary>
/// <remarks>There is no exclusive mark at this level.</remarks>
/// <seealso cref="IFieldSwapFormat"/>
public readonly struct S390xSegmentSwap : IFieldSwapFormat
{
    /// <inheritdoc/>
    public static string Name => "s390x";

    /// <inheritdoc/>
    public static int Level => 2;

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
    public static int TypeShift => 6;

    /// <inheritdoc/>
    public static int OffsetShift => 12;

    /// <inheritdoc/>
    public static ulong FixedBits => 0x30;

    /// <inheritdoc/>
    public static ulong ExclusiveBit => 0;

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
    public static bool IsNone(Pte entry) => entry.Raw == 0x20;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & 1) != 0;

    /// <inheritdoc/>
    public static Pte EncodeSwap(uint type, ulong offset) => FieldSwap<S390xSegmentSwap>.Encode(type, offset);

    /// <inheritdoc/>
    public static uint SwapType(Pte entry) => FieldSwap<S390xSegmentSwap>.Type(entry);

    /// <inheritdoc/>
    public static ulong SwapOffset(Pte entry) => FieldSwap<S390xSegmentSwap>.Offset(entry);

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
