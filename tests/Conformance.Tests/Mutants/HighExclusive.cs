using PageTableEmu.Arch.Arm64;
using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>
/// Not broken: arm64 with its exclusive mark in one of the two unused bits on top, as far out of reach of an int as Alpha's bit 39.
/// </summary>
public readonly struct HighExclusive : IMutant<Arm64FourLevel>
{
    internal const ulong Bit = 1UL << 62;

    static bool ISwapFormat.IsSwapExclusive(Pte entry) => (entry.Raw & Bit) != 0;

    static Pte ISwapFormat.MakeSwapExclusive(Pte entry) => new(entry.Raw | Bit);

    static Pte ISwapFormat.ClearSwapExclusive(Pte entry) => new(entry.Raw & ~Bit);
}
