using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.Formats;

/// <summary>The operations on a format of plain fields, to which the structs forward.</summary>
/// <typeparam name="TFormat">The format.</typeparam>
internal static class FieldSwap<TFormat>
    where TFormat : struct, IFieldSwapFormat
{
    private static ulong TypeMask => (1UL << TFormat.SwapTypeBits) - 1;

    private static ulong OffsetMask => (1UL << TFormat.SwapOffsetBits) - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Pte Encode(uint type, ulong offset) =>
        new(((type & TypeMask) << TFormat.TypeShift) | ((offset & OffsetMask) << TFormat.OffsetShift) | TFormat.FixedBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Type(Pte entry) => (uint)((entry.Raw >> TFormat.TypeShift) & TypeMask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Offset(Pte entry) => (entry.Raw >> TFormat.OffsetShift) & OffsetMask;
}
