using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>What non-present entries of s390x have in common at all levels.</summary>
internal interface IS390xSwap<TSelf> : ISwapOnlyFormat, ISwapFields, IFieldSwap<TSelf>
    where TSelf : struct, IS390xSwap<TSelf>
{
    static int ISwapOnlyFormat.PageShift => 12;

    static bool ISwapOnlyFormat.BigEndian => true;

    static SwapTypeOptions ISwapOnlyFormat.UsualSwapTypeOptions => SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure;

    static int ISwapFormat.FrameNumberBits => 34;

    static int ISwapFields.TypeBits => 5;

    static int ISwapFields.OffsetShift => 12;

    static int ISwapFields.OffsetBits => 52;

    static ulong ISwapFields.SoftDirtyBit => 1UL << 1;
}
