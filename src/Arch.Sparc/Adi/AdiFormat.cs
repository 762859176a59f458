using System.Runtime.CompilerServices;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Arch.Sparc.Adi;

/// <summary>
/// Tags of SPARC M7 (ADI, application data integrity): four bits for each 64 bytes of memory, two to a byte, the lower block in the high
/// half (arch/sparc/kernel/adi_64.c). A pointer carries its tag in bits 63 to 60.
/// </summary>
/// <remarks>
/// The values 0 and 15 of memory match every pointer (Documentation/arch/sparc/adi.rst). That is why memory nobody tagged can be used through
/// any pointer; a pointer without a tag may not touch memory that has one.
/// </remarks>
/// <seealso cref="Sun4vM7{TTags}"/>
public readonly struct AdiFormat : ITagFormat
{
    /// <summary>Bits of a tag.</summary>
    public const int TagBits = 4;

    /// <summary>log2 of the bytes that one tag belongs to.</summary>
    public const int BlockShift = 6;

    static int ITagFormat.PageShift => SparcBits.PageShift;

    static int ITagFormat.BlockShift => BlockShift;

    static uint ITagFormat.ProviderId => 1;

    static bool ITagFormat.Checks(Pte present) => Checks(present);

    static int ITagFormat.BitOf(int block) => (block / 2 * 8) + ((block & 1) == 0 ? TagBits : 0);

    static uint ITagFormat.TagOf(ulong pointer) => (uint)(pointer >> (64 - TagBits));

    static ulong ITagFormat.Untag(ulong pointer) => Untag(pointer);

    static bool ITagFormat.Matches(uint pointerTag, uint blockTag) => blockTag is 0 or 15 || blockTag == pointerTag;

    /// <summary>A pointer that carries a tag.</summary>
    public static ulong Tagged(ulong address, uint tag) => (address << TagBits >> TagBits) | ((ulong)tag << (64 - TagBits));

    /// <summary>A pointer without its tag: bit 59 extends over it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Untag(ulong pointer) => (ulong)((long)(pointer << TagBits) >> TagBits);

    /// <summary>The TTE's mcd bit, in a present entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Checks(Pte present) => SparcLeaf<Sun4vM7Bits>.IsTagChecked(present);
}
