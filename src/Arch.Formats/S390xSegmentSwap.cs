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
/// <seealso cref="ISwapFields"/>
public readonly struct S390xSegmentSwap : IS390xSwap<S390xSegmentSwap>
{
    /// <inheritdoc/>
    public static string Name => "s390x";

    static int ISwapOnlyFormat.Level => 2;

    static int ISwapFields.TypeShift => 6;

    static ulong ISwapFields.FixedBits => 0x30;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => entry.Raw == 0x20;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & 1) != 0;
}
