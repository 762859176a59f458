using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Encodings;

/// <summary>
/// A format that no processor has, made to ask what a choice costs: five bits of type above or below fifty of offset, the offset plain or
/// complemented, and three marks in the lowest bits but one. Bit 0 is the hardware's.
/// </summary>
/// <typeparam name="TTypeAbove">Whether the type lies above the offset.</typeparam>
/// <typeparam name="TComplemented">Whether the offset is stored complemented.</typeparam>
internal readonly struct TrialFormat<TTypeAbove, TComplemented> : ISwapFormat
    where TTypeAbove : struct, ISwitch
    where TComplemented : struct, ISwitch
{
    private const int Types = 5;
    private const int Offsets = 50;
    private const int Low = 9;
    private const ulong Exclusive = 8;
    private const ulong SoftDirty = 2;
    private const ulong UffdWp = 4;
    private const ulong TypeMask = (1UL << Types) - 1;
    private const ulong OffsetMask = (1UL << Offsets) - 1;

    public static int SwapTypeBits => Types;

    public static int SwapOffsetBits => Offsets;

    public static int FrameNumberBits => 40;

    public static bool HasSwapSoftDirty => true;

    public static bool HasSwapUffdWp => true;

    private static int TypeShift => TTypeAbove.IsOn ? Low + Offsets : Low;

    private static int OffsetShift => TTypeAbove.IsOn ? Low : Low + Types;

    public static Pte EncodeSwap(uint type, ulong offset) =>
        new(((type & TypeMask) << TypeShift) | (((TComplemented.IsOn ? ~offset : offset) & OffsetMask) << OffsetShift));

    public static uint SwapType(Pte entry) => (uint)((entry.Raw >> TypeShift) & TypeMask);

    public static ulong SwapOffset(Pte entry) => ((TComplemented.IsOn ? ~entry.Raw : entry.Raw) >> OffsetShift) & OffsetMask;

    public static bool IsSwapExclusive(Pte entry) => (entry.Raw & Exclusive) != 0;

    public static Pte MakeSwapExclusive(Pte entry) => new(entry.Raw | Exclusive);

    public static Pte ClearSwapExclusive(Pte entry) => new(entry.Raw & ~Exclusive);

    public static bool IsSwapSoftDirty(Pte entry) => (entry.Raw & SoftDirty) != 0;

    public static Pte MakeSwapSoftDirty(Pte entry) => new(entry.Raw | SoftDirty);

    public static Pte ClearSwapSoftDirty(Pte entry) => new(entry.Raw & ~SoftDirty);

    public static bool IsSwapUffdWp(Pte entry) => (entry.Raw & UffdWp) != 0;

    public static Pte MakeSwapUffdWp(Pte entry) => new(entry.Raw | UffdWp);

    public static Pte ClearSwapUffdWp(Pte entry) => new(entry.Raw & ~UffdWp);
}
