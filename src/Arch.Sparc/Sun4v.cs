using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>sparc64 on sun4v processors before M7, with the address space of T4: 52 bits.</summary>
/// <seealso cref="Sun4vM7"/>
public readonly struct Sun4v : ISparc<Sun4vBits>
{
    private const int ImplementedAddressBits = 52;

    /// <inheritdoc/>
    public static string Name => "sparc64_sun4v";

    /// <inheritdoc/>
    public static uint Id => 4;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => SparcGeometry.UserSpaceEnd(ImplementedAddressBits);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => SparcGeometry.IsOutsideHole(virtualAddress, ImplementedAddressBits);
}
