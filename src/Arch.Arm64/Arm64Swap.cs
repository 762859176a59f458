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
public static class Arm64Swap
{
    /// <summary>Bits of the type field.</summary>
    public const int TypeBits = 5;

    /// <summary>Bits of the offset field.</summary>
    public const int OffsetBits = 50;

    /// <summary>The exclusive mark.</summary>
    public const ulong Exclusive = 1UL << 2;

    /// <summary>The userfaultfd write-protect mark.</summary>
    public const ulong UffdWp = Exclusive << 1;

    private const int TypeShift = 6;
    private const int OffsetShift = 12;
    private const uint TypeMask = (1U << TypeBits) - 1;
    private const ulong OffsetMask = (1UL << OffsetBits) - 1;

    /// <summary>__swp_entry, without marks. Offsets that do not fit are cut off; the kernel never makes one and does not mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Encode(uint type, ulong offset) => new(((ulong)(type & TypeMask) << TypeShift) | ((offset & OffsetMask) << OffsetShift));

    /// <summary>__swp_type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Type(Pte entry) => (uint)(entry.Raw >> TypeShift) & TypeMask;

    /// <summary>__swp_offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Offset(Pte entry) => (entry.Raw >> OffsetShift) & OffsetMask;
}
