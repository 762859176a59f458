using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// arm64 with a granule of 4 KiB, 48 bits of virtual and of physical address, and a processor that keeps AF and dirtiness itself.
/// </summary>
public readonly struct Arm64FourLevel : IArm64
{
    /// <inheritdoc/>
    public static string Name => "arm64";

    /// <inheritdoc/>
    public static uint Id => 6;

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => Arm64Geometry.UserSpaceEnd;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => Arm64Geometry.IsCanonical(virtualAddress);
}
