using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.X64;

/// <summary>
/// Non-present entries of x86-64 (arch/x86/include/asm/pgtable_64.h). The offset is stored complemented, for the same reason as the frame
/// number of a PROT_NONE entry.
/// <code>
///   63..59  58 ........... 9   8         7       6 5       4   3   2        1           0
///   type    NOT offset         PROTNONE  PS      ignored   0   EX  UFFD_WP  SOFT_DIRTY  P
///                              = 0       = 0     (A, D)                                 = 0
/// </code>
/// </summary>
/// <remarks>Type 0 with the largest offset encodes to zero, which is none; swap areas end far below it.</remarks>
/// <seealso cref="X64FourLevel"/>
public static class X64Swap
{
    /// <summary>Bits of the type field.</summary>
    public const int TypeBits = 5;

    /// <summary>Bits of the offset field.</summary>
    public const int OffsetBits = 64 - TypeBits - OffsetShift;

    /// <summary>The soft-dirty mark, in the place of R/W.</summary>
    public const ulong SoftDirty = X64Bits.Write;

    /// <summary>The userfaultfd write-protect mark, in the place of U/S.</summary>
    public const ulong UffdWp = X64Bits.User;

    /// <summary>The exclusive mark, in the place of PWT.</summary>
    public const ulong Exclusive = X64Bits.WriteThrough;

    private const int OffsetShift = 9;
    private const int TypeShift = 64 - TypeBits;
    private const ulong OffsetMask = (1UL << OffsetBits) - 1;

    /// <summary>__swp_entry, without marks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Encode(uint type, ulong offset) => new(((ulong)type << TypeShift) | ((~offset & OffsetMask) << OffsetShift));

    /// <summary>__swp_type.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Type(Pte entry) => (uint)(entry.Raw >> TypeShift);

    /// <summary>__swp_offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Offset(Pte entry) => OffsetMask & ~(entry.Raw >> OffsetShift); // in this order one instruction negates and masks
}
