using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace MyArch;

/// <summary>Tags of four bits for every 64 bytes; a pointer carries its own in its top four bits, and tag 0 of memory matches all.</summary>
public readonly struct MyTags : ITagFormat
{
    private const int PointerShift = 60;

    public static int PageShift => Bits.PageShift;

    public static int BlockShift => 6;

    public static uint ProviderId => 77;

    public static int BitOf(int block) => block * 4;

    public static bool Checks(Pte present) => (present.Raw & Bits.TagChecked) != 0;

    public static uint TagOf(ulong pointer) => (uint)(pointer >> PointerShift);

    public static ulong Untag(ulong pointer) => pointer & ((1UL << PointerShift) - 1);

    public static bool Matches(uint pointerTag, uint blockTag) => blockTag == 0 || pointerTag == blockTag;
}
