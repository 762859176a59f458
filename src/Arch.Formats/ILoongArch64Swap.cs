using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>What non-present entries of loongarch64 have in common at all levels.</summary>
internal interface ILoongArch64Swap<TSelf> : ISwapOnlyFormat, ISwapFields, IFieldSwap<TSelf>
    where TSelf : struct, ILoongArch64Swap<TSelf>
{
    static int ISwapOnlyFormat.PageShift => 14;

    static bool ISwapOnlyFormat.BigEndian => false;

    static SwapTypeOptions ISwapOnlyFormat.UsualSwapTypeOptions => SwapTypeOptions.All & ~SwapTypeOptions.MemoryFailure;

    static int ISwapFormat.FrameNumberBits => 34;

    static int ISwapFields.TypeShift => 16;

    static int ISwapFields.TypeBits => 7;

    static int ISwapFields.OffsetShift => 24;

    static int ISwapFields.OffsetBits => 40;
}
