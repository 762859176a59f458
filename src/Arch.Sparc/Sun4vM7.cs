using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sparc64 on M7 and later, whose memory carries tags (ADI): 52 bits of virtual address.</summary>
public readonly struct Sun4vM7 : ISparc<Sun4vM7Bits>
{
    private const int ImplementedAddressBits = 52;

    /// <inheritdoc/>
    public static string Name => "sparc64_sun4v_m7";

    /// <inheritdoc/>
    public static uint Id => 5;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => SparcGeometry.UserSpaceEnd(ImplementedAddressBits);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => SparcGeometry.IsOutsideHole(virtualAddress, ImplementedAddressBits);
}
