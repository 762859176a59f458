using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sparc64 on sun4u processors (UltraSPARC I to IV), with the address space of the first of them: 44 bits.</summary>
/// <seealso cref="Sun4vM7"/>
public readonly struct Sun4u : ISparc<Sun4uBits>
{
    private const int ImplementedAddressBits = 44;

    /// <inheritdoc/>
    public static string Name => "sparc64_sun4u";

    /// <inheritdoc/>
    public static uint Id => 3;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => SparcGeometry.UserSpaceEnd(ImplementedAddressBits);

    /// <summary>43 bits of physical address (PA bits 42:13), fewer than Linux's limit.</summary>
    public static int NarrowLeafFrameBits => 30;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => SparcGeometry.IsOutsideHole(virtualAddress, ImplementedAddressBits);
}
