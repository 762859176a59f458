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
/// <seealso cref="ISwapFields"/>
public readonly struct LoongArch64PmdSwap : ILoongArch64Swap<LoongArch64PmdSwap>
{
    /// <inheritdoc/>
    public static string Name => "loongarch64";

    static int ISwapOnlyFormat.Level => 2;

    static ulong ISwapFields.FixedBits => 1UL << 6;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => entry.Raw == 0;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) =>
        entry.Raw != 0 && ((entry.Raw & (1UL << 6)) == 0 || (entry.Raw & ((1UL << 7) | (1UL << 10))) != 0);
}
