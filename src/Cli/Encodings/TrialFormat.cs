using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Encodings;

/// <summary>
/// A format that no processor has, made to ask what a choice costs: five bits of type above or below fifty of offset, the offset plain or
/// complemented, and three marks in the lowest bits but one. Bit 0 is the hardware's. All is inlined, as the formats of processors are: else a choice
/// would be charged with calls.
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

    private static int TypeShift
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TTypeAbove.IsOn ? Low + Offsets : Low;
    }

    private static int OffsetShift
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TTypeAbove.IsOn ? Low : Low + Types;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte EncodeSwap(uint type, ulong offset) =>
        new(((type & TypeMask) << TypeShift) | (((TComplemented.IsOn ? ~offset : offset) & OffsetMask) << OffsetShift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SwapType(Pte entry) => (uint)((entry.Raw >> TypeShift) & TypeMask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SwapOffset(Pte entry) => ((TComplemented.IsOn ? ~entry.Raw : entry.Raw) >> OffsetShift) & OffsetMask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapExclusive(Pte entry) => (entry.Raw & Exclusive) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapExclusive(Pte entry) => new(entry.Raw | Exclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapExclusive(Pte entry) => new(entry.Raw & ~Exclusive);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapSoftDirty(Pte entry) => (entry.Raw & SoftDirty) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapSoftDirty(Pte entry) => new(entry.Raw | SoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapSoftDirty(Pte entry) => new(entry.Raw & ~SoftDirty);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSwapUffdWp(Pte entry) => (entry.Raw & UffdWp) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte MakeSwapUffdWp(Pte entry) => new(entry.Raw | UffdWp);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte ClearSwapUffdWp(Pte entry) => new(entry.Raw & ~UffdWp);
}
