using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>Swap entries made of fields; shifts and masks fold for each format.</summary>
/// <typeparam name="TFields">Where the fields lie.</typeparam>
/// <seealso cref="ISwapFields"/>
public static class FieldSwap<TFields>
    where TFields : struct, ISwapFields
{
    private static ulong TypeMask
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (1UL << TFields.TypeBits) - 1;
    }

    /// <summary>An offset that reaches to the top of the entry needs no mask: the shifts cut it off.</summary>
    private static ulong OffsetMask
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFields.OffsetShift + TFields.OffsetBits == 64 ? ulong.MaxValue : (1UL << TFields.OffsetBits) - 1;
    }

    /// <summary>The entry of a slot, without marks. Bits that do not fit are dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pte Encode(uint type, ulong offset) =>
        new(((type & TypeMask) << TFields.TypeShift) | ((offset & OffsetMask) << TFields.OffsetShift) | TFields.FixedBits);

    /// <summary>The type of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Type(Pte entry) => (uint)(entry.Raw >> TFields.TypeShift) & (uint)TypeMask;

    /// <summary>The offset of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Offset(Pte entry) => (entry.Raw >> TFields.OffsetShift) & OffsetMask;
}
