using System.Numerics;

namespace PageTableEmu.Paging;

/// <summary>
/// Where type and offset lie in an architecture's swap PTE, found by asking its <see cref="ISwapFormat"/> about single bits. A field is a run
/// of bits, each plain or complemented; that this describes the format fully is checked with patterns, else <see cref="AreLinear"/> is false.
/// </summary>
internal readonly struct SwapFields
{
    /// <summary>Whether the fields are runs of bits, so that shifts and masks code and decode them.</summary>
    public bool AreLinear { get; private init; }

    /// <summary>Lowest bit of the type field.</summary>
    public int TypeShift { get; private init; }

    /// <summary>Lowest bit of the offset field.</summary>
    public int OffsetShift { get; private init; }

    /// <summary>Largest type.</summary>
    public ulong TypeMask { get; private init; }

    /// <summary>Largest offset that the field gives back.</summary>
    public ulong OffsetMask { get; private init; }

    /// <summary>Largest offset that the field takes: some formats lose the bits above what fits.</summary>
    public ulong EncodableOffset { get; private init; }

    /// <summary>Bits of the word to complement before the type is taken.</summary>
    public ulong TypeFlip { get; private init; }

    /// <summary>Bits of the word to complement before the offset is taken.</summary>
    public ulong OffsetFlip { get; private init; }

    /// <summary>The word of type 0 and offset 0.</summary>
    public ulong Empty { get; private init; }

    /// <summary>Whether each mark is one bit that is set when the mark is.</summary>
    public bool MarksAreBits { get; private init; }

    /// <summary>The exclusive mark; 0 where there is none.</summary>
    public ulong Exclusive { get; private init; }

    /// <summary>The soft-dirty mark; 0 where there is none.</summary>
    public ulong SoftDirty { get; private init; }

    /// <summary>The userfaultfd write-protect mark; 0 where there is none.</summary>
    public ulong UffdWp { get; private init; }

    /// <summary>Finds the fields of an architecture.</summary>
    public static SwapFields Of<TArch>()
        where TArch : struct, ISwapFormat
    {
        ulong empty = TArch.EncodeSwap(0, 0).Raw;
        ulong type = TArch.EncodeSwap((1u << TArch.SwapTypeBits) - 1, 0).Raw ^ empty;
        ulong offset = TArch.EncodeSwap(0, (1UL << TArch.SwapOffsetBits) - 1).Raw ^ empty;
        ulong typeOfZero = TArch.SwapType(default);
        ulong offsetOfZero = TArch.SwapOffset(default);
        var fields = new SwapFields
        {
            TypeShift = BitOperations.TrailingZeroCount(type),
            OffsetShift = BitOperations.TrailingZeroCount(offset),
            TypeMask = (1UL << TArch.SwapTypeBits) - 1,
            OffsetMask = (1UL << TArch.SwapOffsetBits) - 1,
            EncodableOffset = (1UL << TArch.SwapOffsetBits) - 1,
            TypeFlip = typeOfZero << BitOperations.TrailingZeroCount(type),
            OffsetFlip = offsetOfZero << BitOperations.TrailingZeroCount(offset),
            Empty = empty,
            Exclusive = TArch.MakeSwapExclusive(new Pte(empty)).Raw ^ empty,
            SoftDirty = TArch.MakeSwapSoftDirty(new Pte(empty)).Raw ^ empty,
            UffdWp = TArch.MakeSwapUffdWp(new Pte(empty)).Raw ^ empty,
        };
        return fields with { AreLinear = fields.Describe<TArch>(), MarksAreBits = fields.DescribeMarks<TArch>() };
    }

    private bool Describe<TArch>()
        where TArch : struct, ISwapFormat
    {
        for (int bit = -1; bit < 64; bit++)
        {
            ulong word = bit < 0 ? 0 : 1UL << bit;
            foreach (ulong raw in new[] { word, ~word, word ^ 0x5555_5555_5555_5555 })
            {
                var entry = new Pte(raw);
                if ((((raw ^ TypeFlip) >> TypeShift) & TypeMask) != TArch.SwapType(entry)
                    || (((raw ^ OffsetFlip) >> OffsetShift) & OffsetMask) != TArch.SwapOffset(entry))
                    return false;
                uint type = (uint)raw & (uint)TypeMask;
                ulong offset = raw & OffsetMask;
                if ((((((ulong)type << TypeShift) | ((offset & EncodableOffset) << OffsetShift)) ^ Empty) != TArch.EncodeSwap(type, offset).Raw))
                    return false;
            }
        }

        return true;
    }

    private bool DescribeMarks<TArch>()
        where TArch : struct, ISwapFormat
    {
        if (BitOperations.PopCount(Exclusive) > 1 || BitOperations.PopCount(SoftDirty) > 1 || BitOperations.PopCount(UffdWp) > 1)
            return false;
        for (int bit = 0; bit < 64; bit++)
        {
            foreach (ulong raw in new[] { 1UL << bit, ~(1UL << bit) })
            {
                var entry = new Pte(raw);
                if (TArch.IsSwapExclusive(entry) != ((raw & Exclusive) != 0) || TArch.IsSwapSoftDirty(entry) != ((raw & SoftDirty) != 0)
                    || TArch.IsSwapUffdWp(entry) != ((raw & UffdWp) != 0) || TArch.MakeSwapExclusive(entry).Raw != (raw | Exclusive)
                    || TArch.MakeSwapSoftDirty(entry).Raw != (raw | SoftDirty) || TArch.MakeSwapUffdWp(entry).Raw != (raw | UffdWp))
                    return false;
            }
        }

        return true;
    }
}
