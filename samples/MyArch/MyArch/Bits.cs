namespace MyArch;

/// <summary>
/// Entries of a processor that does not exist.
/// <code>
///   63 ..... 53  52 ..... 13  12  11    10    9        8           7        6  5  4  3  2     1        0
///   0            frame        -   USER  TAGS  UFFD_WP  SOFT_DIRTY  SPECIAL  D  A  X  W  LEAF  PRESENT  VALID     present
///   offset (63 ......... 13)  -   -     -     type (9 ............ 5)  UFFD SD EX       0        0         swap: offset has 51 bits
/// </code>
/// </summary>
internal static class Bits
{
    internal const ulong Valid = 1; // the hardware uses the entry
    internal const ulong Present = 1 << 1; // Linux does
    internal const ulong Leaf = 1 << 2; // above level 1: maps memory itself
    internal const ulong Write = 1 << 3;
    internal const ulong Execute = 1 << 4;
    internal const ulong Accessed = 1 << 5;
    internal const ulong Dirty = 1 << 6;
    internal const ulong Special = 1 << 7;
    internal const ulong SoftDirty = 1 << 8;
    internal const ulong UffdWp = 1 << 9;
    internal const ulong TagChecked = 1 << 10;
    internal const ulong User = 1 << 11;
    internal const int PageShift = 13;
    internal const int FrameBits = 40;
    internal const ulong FrameMask = ((1UL << FrameBits) - 1) << PageShift;
    internal const ulong Keep = FrameMask | Leaf | Accessed | Dirty | Special | SoftDirty | UffdWp;

    internal const ulong SwapExclusive = 1 << 2;
    internal const ulong SwapSoftDirty = 1 << 3;
    internal const ulong SwapUffdWp = 1 << 4;
    internal const int SwapTypeShift = 5;
    internal const int SwapTypeBits = 5;
    internal const int SwapOffsetBits = 64 - PageShift;
}
