using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// Non-present PTEs of loongarch64 with pages of 16 KiB (arch/loongarch/include/asm/pgtable.h).
/// <code>
///   63 ....... 24  23  22..16  15 ........ 0
///   offset         EX  type    0 (so PRESENT, bit 7, and PROTNONE, bit 10)
/// </code>
/// </summary>
/// <remarks>The type field is wider than the generic entry, which uses five of its bits.</remarks>
/// <seealso cref="IFieldSwapFormat"/>
public readonly struct LoongArch64Swap : IFieldSwapFormat
{
    /// <inheritdoc/>
    public static string Name => "loongarch64";

    /// <inheritdoc/>
    public static int Level => 1;

    /// <inheritdoc/>
    public static int PageShift => 14;

    /// <inheritdoc/>
    public static bool BigEndian => false;

    /// <inheritdoc/>
    public static SwapTypeOptions UsualSwapTypeOptions => SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure;

    /// <inheritdoc/>
    public static int SwapTypeBits => 7;

    /// <inheritdoc/>
    public static int SwapOffsetBits => 40;

    /// <inheritdoc/>
    public static int FrameNumberBits => 34;

    /// <inheritdoc/>
    public static int TypeShift => 16;

    /// <inheritdoc/>
    public static int OffsetShift => 24;

    /// <inheritdoc/>
    public static ulong FixedBits => 0;

    /// <inheritdoc/>
    public static ulong ExclusiveBit => 1UL << 23;

    /// <inheritdoc/>
    public static ulong SoftDirtyBit => 0;

    /// <inheritdoc/>
    public static ulong UffdWpBit => 0;

    /// <inheritdoc/>
    public static bool HasSwapExclusive => ExclusiveBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapSoftDirty => SoftDirtyBit != 0;

    /// <inheritdoc/>
    public static bool HasSwapUffdWp => UffdWpBit != 0;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => (entry.Raw & ~(1UL << 6)) == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & ((1UL << 7) | (1UL << 10))) != 0;

    /// <inheritdoc/>
    public static Pte EncodeSwap(uint type, ulong offset) => FieldSwap<LoongArch64Swap>.Encode(type, offset);

    /// <inheritdoc/>
    public static uint SwapType(Pte entry) => FieldSwap<LoongArch64Swap>.Type(entry);

    /// <inheritdoc/>
    public static ulong SwapOffset(Pte entry) => FieldSwap<LoongArch64Swap>.Offset(entry);

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
