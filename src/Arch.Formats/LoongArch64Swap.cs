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
/// <seealso cref="ISwapFields"/>
public readonly struct LoongArch64Swap : ILoongArch64Swap<LoongArch64Swap>
{
    /// <inheritdoc/>
    public static string Name => "loongarch64";

    static int ISwapOnlyFormat.Level => 1;

    static ulong ISwapFields.ExclusiveBit => 1UL << 23;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => (entry.Raw & ~(1UL << 6)) == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & ((1UL << 7) | (1UL << 10))) != 0;
}
