using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>What non-present entries of ppc64 with the radix MMU have in common: the offset begins where the page number does.</summary>
internal interface IPpc64RadixSwap<TSelf> : ISwapOnlyFormat, ISwapFields, IFieldSwap<TSelf>
    where TSelf : struct, IPpc64RadixSwap<TSelf>
{
    static int ISwapOnlyFormat.Level => 1;

    static bool ISwapOnlyFormat.BigEndian => true;

    static SwapTypeOptions ISwapOnlyFormat.UsualSwapTypeOptions => SwapTypeOptions.All;

    static int ISwapFields.TypeShift => 0;

    static int ISwapFields.TypeBits => 5;

    static int ISwapFields.OffsetShift => TSelf.PageShift;

    static int ISwapFields.OffsetBits => 53 - TSelf.PageShift;

    static ulong ISwapFields.FixedBits => 1UL << 62;

    static ulong ISwapFields.ExclusiveBit => 1UL << 5;

    static ulong ISwapFields.SoftDirtyBit => 1UL << 9;

    static bool ISwapOnlyFormat.IsNone(Pte entry) => (entry.Raw & ~0x180UL) == 0;

    static bool ISwapOnlyFormat.IsPresent(Pte entry) => (entry.Raw >> 62) == 3 || (entry.Raw & (3UL << 61)) == 3UL << 61;
}
