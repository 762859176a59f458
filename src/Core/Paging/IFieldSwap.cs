using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>A format of swap entries that are made of fields: all of <see cref="ISwapFormat"/> but the size of frame numbers.</summary>
/// <typeparam name="TFields">Where the fields lie.</typeparam>
/// <example>
/// <code>
/// Pte entry = MarkedEntry&lt;Arm64FourLevel, Arm64Swap&gt;();
/// Console.WriteLine($"{entry.Raw:x16}");
///
/// static Pte MarkedEntry&lt;TFormat, TFields&gt;()
///     where TFormat : struct, IFieldSwap&lt;TFields&gt;
///     where TFields : struct, ISwapFields =&gt;
///     TFormat.MakeSwapExclusive(TFormat.EncodeSwap(type: 1, offset: 0x41)); // sets TFields.ExclusiveBit
/// </code>
/// </example>
/// <seealso cref="ISwapFields"/>
public interface IFieldSwap<TFields> : ISwapFormat
    where TFields : struct, ISwapFields
{
    static int ISwapFormat.SwapTypeBits => TFields.TypeBits;

    static int ISwapFormat.SwapOffsetBits => TFields.OffsetBits;

    static bool ISwapFormat.HasSwapExclusive => TFields.ExclusiveBit != 0;

    static bool ISwapFormat.HasSwapSoftDirty => TFields.SoftDirtyBit != 0;

    static bool ISwapFormat.HasSwapUffdWp => TFields.UffdWpBit != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.EncodeSwap(uint type, ulong offset) => FieldSwap<TFields>.Encode(type, offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint ISwapFormat.SwapType(Pte entry) => FieldSwap<TFields>.Type(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong ISwapFormat.SwapOffset(Pte entry) => FieldSwap<TFields>.Offset(entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ISwapFormat.IsSwapExclusive(Pte entry) => (entry.Raw & TFields.ExclusiveBit) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.MakeSwapExclusive(Pte entry) => TFields.ExclusiveBit == 0 ? entry : new(entry.Raw | TFields.ExclusiveBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => TFields.ExclusiveBit == 0 ? entry : new(entry.Raw & ~TFields.ExclusiveBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ISwapFormat.IsSwapSoftDirty(Pte entry) => (entry.Raw & TFields.SoftDirtyBit) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.MakeSwapSoftDirty(Pte entry) => TFields.SoftDirtyBit == 0 ? entry : new(entry.Raw | TFields.SoftDirtyBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.ClearSwapSoftDirty(Pte entry) => TFields.SoftDirtyBit == 0 ? entry : new(entry.Raw & ~TFields.SoftDirtyBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool ISwapFormat.IsSwapUffdWp(Pte entry) => (entry.Raw & TFields.UffdWpBit) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.MakeSwapUffdWp(Pte entry) => TFields.UffdWpBit == 0 ? entry : new(entry.Raw | TFields.UffdWpBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Pte ISwapFormat.ClearSwapUffdWp(Pte entry) => TFields.UffdWpBit == 0 ? entry : new(entry.Raw & ~TFields.UffdWpBit);
}
