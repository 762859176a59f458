using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>
/// Non-present PMDs of loongarch64: as a PTE, with HUGE set.
/// <code>
///   63 ....... 24  23  22..16  15 .. 7  6     5 .. 0
///   offset         0   type    0        HUGE  0
///                                       = 1
/// </code>
/// </summary>
/// <remarks>
/// Without HUGE the entry points to a table. An empty one points to a table of empty entries whose address only its kernel knows, so it counts
/// as present here; zero counts as none.
/// </remarks>
/// <seealso cref="IFieldSwapFormat"/>
public readonly struct LoongArch64PmdSwap : IFieldSwapFormat
{
    /// <inheritdoc/>
    public static string Name => "loongarch64";

    /// <inheritdoc/>
    public static int Level => 2;

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
    public static ulong FixedBits => 1UL << 6;

    /// <inheritdoc/>
    public static ulong ExclusiveBit => 0;

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
    public static bool IsNone(Pte entry) => entry.Raw == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => entry.Raw != 0 && ((entry.Raw & (1UL << 6)) == 0 || (entry.Raw & ((1UL << 7) | (1UL << 10))) != 0);

    /// <inheritdoc/>
    public static Pte EncodeSwap(uint type, ulong offset) => FieldSwap<LoongArch64PmdSwap>.Encode(type, offset);

    /// <inheritdoc/>
    public static uint SwapType(Pte entry) => FieldSwap<LoongArch64PmdSwap>.Type(entry);

    /// <inheritdoc/>
    public static ulong SwapOffset(Pte entry) => FieldSwap<LoongArch64PmdSwap>.Offset(entry);

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
