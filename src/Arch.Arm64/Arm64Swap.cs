using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// Non-present entries of arm64 since Linux 6.12, the same for PTE and PMD (arch/arm64/include/asm/pgtable.h).
/// <code>
///   63 62  61 ....... 12  11               10..6  5 4  3        2   1 0
///   0      offset         PRESENT_INVALID  type   0    UFFD_WP  EX  0
///                         = 0
/// </code>
/// </summary>
/// <remarks>Type 0 with offset 0 encodes to zero, which is none; offset 0 is the header of a swap area and never in use.</remarks>
/// <seealso cref="Arm64FourLevel"/>
/// <seealso cref="ISwapFields"/>
public readonly struct Arm64Swap : ISwapFields
{
    /// <summary>Bits of the type field.</summary>
    public const int TypeBits = 5;

    /// <summary>Bits of the offset field.</summary>
    public const int OffsetBits = 50;

    /// <summary>The exclusive mark.</summary>
    public const ulong Exclusive = 1UL << 2;

    /// <summary>The userfaultfd write-protect mark.</summary>
    public const ulong UffdWp = Exclusive << 1;

    static int ISwapFields.TypeShift => 6;

    static int ISwapFields.TypeBits => TypeBits;

    static int ISwapFields.OffsetShift => 12;

    static int ISwapFields.OffsetBits => OffsetBits;

    static ulong ISwapFields.ExclusiveBit => Exclusive;

    static ulong ISwapFields.UffdWpBit => UffdWp;

    /// <summary>__swp_entry, without marks. Offsets that do not fit are cut off; the kernel never makes one and does not mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Encode(uint type, ulong offset) => FieldSwap<Arm64Swap>.Encode(type, offset);
}
