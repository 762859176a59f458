using System.Runtime.CompilerServices;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Arch.Arm64.Mte;

/// <summary>
/// Tags of Arm's memory tagging extension: four bits for each 16 bytes of memory (a granule), 128 bytes for a page, saved as LDGM loads them:
/// 64 bits for 256 bytes of memory, granule g in bits 4g+3 to 4g (arch/arm64/lib/mte.S). A pointer carries its tag in bits 59 to 56.
/// </summary>
/// <remarks>
/// <para>Unlike with ADI no tag is special: a pointer with tag 0 may touch granules with tag 0 and no others, so lost tags are always a
/// fault. The whole upper byte of a pointer is ignored in translation.</para>
/// <para>A page that was ever shown with checking has tags of its own, whatever their values (PG_mte_tagged), and is never merged with another
/// one (memcmp_pages); its VMA may be mergeable nevertheless. And mprotect cannot end checking: VM_MTE is not among the flags that it
/// clears.</para>
/// </remarks>
/// <seealso cref="Arm64FourLevel{TTags}"/>
public readonly struct MteFormat : ITagFormat
{
    /// <summary>Bits of a tag.</summary>
    public const int TagBits = 4;

    /// <summary>log2 of the bytes that one tag belongs to.</summary>
    public const int BlockShift = 4;

    private const int TagShift = 56;

    static int ITagFormat.PageShift => Arm64Geometry.PageShift;

    static int ITagFormat.BlockShift => BlockShift;

    static uint ITagFormat.ProviderId => 1;

    static bool ITagFormat.NeverMergesTagged => true;

    static bool ITagFormat.MergesCheckedMappings => true;

    static bool ITagFormat.ChecksForEver => true;

    static bool ITagFormat.Checks(Pte present) => Checks(present);

    static int ITagFormat.BitOf(int block) => block * TagBits;

    static uint ITagFormat.TagOf(ulong pointer) => (uint)(pointer >> TagShift) & 15;

    static ulong ITagFormat.Untag(ulong pointer) => Untag(pointer);

    static bool ITagFormat.Matches(uint pointerTag, uint blockTag) => blockTag == pointerTag;

    /// <summary>A pointer that carries a tag.</summary>
    public static ulong Tagged(ulong address, uint tag) => (address & ~(15UL << TagShift)) | ((ulong)(tag & 15) << TagShift);

    /// <summary>A pointer without its tag: bit 55 extends over the upper byte (untagged_addr, and TBI in translation).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Untag(ulong pointer) => (ulong)((long)(pointer << (64 - TagShift)) >> (64 - TagShift));

    /// <summary>Normal tagged memory that user mode may touch (mte_sync_tags: only such entries define tags).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Checks(Pte present) => Arm64Leaf.IsTagChecked(present) && Arm64Leaf.IsUser(present);
}
