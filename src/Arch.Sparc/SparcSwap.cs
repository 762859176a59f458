using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Sparc;

/// <summary>
/// Non-present PTEs of sparc64, the same for all processors (arch/sparc/include/asm/pgtable_64.h, since Linux 6.3). There are no non-present
/// entries above the PTE.
/// <code>
///   63 ......... 21  20  19..13  12 ......................... 0
///   offset           EX  type    0 (so PRESENT of every format)
/// </code>
/// </summary>
/// <remarks>Type 0 with offset 0 encodes to zero, which is none; offset 0 is the header of a swap area and never in use.</remarks>
/// <seealso cref="Sun4vM7"/>
/// <seealso cref="ISwapFields"/>
public readonly struct SparcSwap : ISwapFields
{
    /// <summary>Bits of the type field; the generic entry uses five of them.</summary>
    public const int TypeBits = 7;

    /// <summary>Bits of the offset field.</summary>
    public const int OffsetBits = 64 - OffsetShift;

    /// <summary>The exclusive mark.</summary>
    public const ulong Exclusive = 1UL << (TypeShift + TypeBits);

    private const int TypeShift = SparcBits.PageShift;
    private const int OffsetShift = TypeShift + TypeBits + 1;

    static int ISwapFields.TypeShift => TypeShift;

    static int ISwapFields.TypeBits => TypeBits;

    static int ISwapFields.OffsetShift => OffsetShift;

    static int ISwapFields.OffsetBits => OffsetBits;

    static ulong ISwapFields.ExclusiveBit => Exclusive;

    /// <summary>__swp_entry, without marks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Encode(uint type, ulong offset) => FieldSwap<SparcSwap>.Encode(type, offset);
}
