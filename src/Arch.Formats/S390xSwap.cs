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
/// <seealso cref="ISwapFields"/>
public readonly struct S390xSwap : IS390xSwap<S390xSwap>
{
    /// <inheritdoc/>
    public static string Name => "s390x";

    static int ISwapOnlyFormat.Level => 1;

    static int ISwapFields.TypeShift => 2;

    static ulong ISwapFields.FixedBits => 0x600;

    static ulong ISwapFields.ExclusiveBit => 1UL << 11;

    /// <inheritdoc/>
    public static bool IsNone(Pte entry) => entry.Raw == 0x400;

    /// <inheritdoc/>
    public static bool IsPresent(Pte entry) => (entry.Raw & 1) != 0;
}
