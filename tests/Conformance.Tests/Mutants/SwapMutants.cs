using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>Non-present entries broken in one place each, two as real kernels once were.</summary>
public static class SwapMutants
{
    public static IEnumerable<Mutant> All =>
    [
        Mutant.Of<ExclusiveThroughInt>("swap/marks", "Alpha: the mark lies above bit 31 and is returned as an int"),
        Mutant.Of<TypeOverExclusive>("swap/fields-are-apart", "sparc64 before 6.3: a type of eight bits lies over the exclusive mark"),
        Mutant.Of<OffsetNotComplemented>("swap/round-trip", "the offset is read as it stands"),
        Mutant.Of<OffsetOneTooFew>("swap/round-trip", "the highest bit of the offset is lost"),
        Mutant.Of<OffsetOneTooMany>("swap/limits", "declares one bit of offset more than there is"),
        Mutant.Of<TypeOneTooFew>("swap/round-trip", "the highest bit of the type is lost"),
        Mutant.Of<TypeTooSmall>("swap/limits", "declares four bits of type"),
        Mutant.Of<FrameTooLarge>("swap/limits", "declares frame numbers that leave no room for accessed and dirty"),
        Mutant.Of<OffsetUnmasked>("swap/overflow", "an offset that is too large runs into the bits above"),
        Mutant.Of<TypeUnmasked>("swap/overflow", "a type that is too large makes the entry present"),
        Mutant.Of<MarksShareABit>("swap/fields-are-apart", "soft-dirty lies on the exclusive mark"),
        Mutant.Of<ClearTakesTwo>("swap/marks-reversible", "clearing exclusive clears soft-dirty too"),
        Mutant.Of<ClearForgotten>("swap/marks-reversible", "clearing exclusive does nothing"),
        Mutant.Of<MarkMakesPresent>("swap/not-present", "the userfaultfd mark lies on P"),
        Mutant.Of<MarkDenied>("swap/marks-absent", "has a userfaultfd mark and says it has not"),
        Mutant.Of<MarkOverOffset>("swap/marks", "the exclusive mark lies on the lowest bit of the offset"),
    ];

    private readonly struct ExclusiveThroughInt : IMutant<HighExclusive>
    {
        static bool ISwapFormat.IsSwapExclusive(Pte entry) => unchecked((int)(entry.Raw & HighExclusive.Bit)) != 0;
    }

    private readonly struct TypeOverExclusive : IMutant<Sun4v>
    {
        static int ISwapFormat.SwapTypeBits => 8;

        static Pte ISwapFormat.EncodeSwap(uint type, ulong offset) => new(((ulong)(type & 255) << 13) | (offset << 21));

        static uint ISwapFormat.SwapType(Pte entry) => (uint)(entry.Raw >> 13) & 255;
    }

    private readonly struct OffsetNotComplemented : IMutant<X64FourLevel>
    {
        static ulong ISwapFormat.SwapOffset(Pte entry) => (entry.Raw >> 9) & ((1UL << 50) - 1);
    }

    private readonly struct OffsetOneTooFew : IMutant<X64FourLevel>
    {
        static ulong ISwapFormat.SwapOffset(Pte entry) => X64Swap.Offset(entry) & ((1UL << 49) - 1);
    }

    private readonly struct OffsetOneTooMany : IMutant<X64FourLevel>
    {
        static int ISwapFormat.SwapOffsetBits => X64Swap.OffsetBits + 1;
    }

    private readonly struct TypeOneTooFew : IMutant<X64FourLevel>
    {
        static uint ISwapFormat.SwapType(Pte entry) => X64Swap.Type(entry) & 15;
    }

    private readonly struct TypeTooSmall : IMutant<X64FourLevel>
    {
        static int ISwapFormat.SwapTypeBits => 4;
    }

    private readonly struct FrameTooLarge : IMutant<X64FourLevel>
    {
        static int ISwapFormat.FrameNumberBits => X64Swap.OffsetBits - 1;
    }

    private readonly struct OffsetUnmasked : IMutant<Arm64FourLevel>
    {
        static Pte ISwapFormat.EncodeSwap(uint type, ulong offset) => new(((ulong)(type & 31) << 6) | (offset << 12));
    }

    private readonly struct TypeUnmasked : IMutant<Arm64FourLevel>
    {
        static Pte ISwapFormat.EncodeSwap(uint type, ulong offset) => new(((ulong)type << 6) | ((offset & ((1UL << 50) - 1)) << 12));
    }

    private readonly struct MarksShareABit : IMutant<X64FourLevel>
    {
        static bool ISwapFormat.IsSwapSoftDirty(Pte entry) => (entry.Raw & X64Swap.Exclusive) != 0;

        static Pte ISwapFormat.MakeSwapSoftDirty(Pte entry) => new(entry.Raw | X64Swap.Exclusive);

        static Pte ISwapFormat.ClearSwapSoftDirty(Pte entry) => new(entry.Raw & ~X64Swap.Exclusive);
    }

    private readonly struct ClearTakesTwo : IMutant<X64FourLevel>
    {
        static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => new(entry.Raw & ~(X64Swap.Exclusive | X64Swap.SoftDirty));
    }

    private readonly struct ClearForgotten : IMutant<X64FourLevel>
    {
        static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => entry;
    }

    private readonly struct MarkMakesPresent : IMutant<X64FourLevel>
    {
        static bool ISwapFormat.IsSwapUffdWp(Pte entry) => (entry.Raw & 1) != 0;

        static Pte ISwapFormat.MakeSwapUffdWp(Pte entry) => new(entry.Raw | 1);

        static Pte ISwapFormat.ClearSwapUffdWp(Pte entry) => new(entry.Raw & ~1UL);
    }

    private readonly struct MarkDenied : IMutant<Arm64FourLevel>
    {
        static bool ISwapFormat.HasSwapUffdWp => false;
    }

    private readonly struct MarkOverOffset : IMutant<Sun4v>
    {
        static bool ISwapFormat.IsSwapExclusive(Pte entry) => (entry.Raw & (1UL << 21)) != 0;

        static Pte ISwapFormat.MakeSwapExclusive(Pte entry) => new(entry.Raw | (1UL << 21));

        static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => new(entry.Raw & ~(1UL << 21));
    }
}
