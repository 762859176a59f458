using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.X64;

/// <summary>x86-64 with four levels: 48 bits of virtual address, root index 0 to 255 for user space.</summary>
public readonly struct X64FourLevel : IX64
{
    /// <inheritdoc/>
    public static string Name => "x86_64";

    /// <inheritdoc/>
    public static uint Id => 1;

    /// <inheritdoc/>
    public static int Levels => 4;

    /// <inheritdoc/>
    public static int VirtualAddressBits => X64Geometry.VirtualAddressBits(4);

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => X64Geometry.UserSpaceEnd(4);

    /// <summary>46 bits of physical memory (MAX_PHYSMEM_BITS without LA57) in pages of 4 KiB.</summary>
    public static int FrameNumberBits => 46 - X64Geometry.PageShift;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => X64Geometry.IsCanonical(virtualAddress, 4);
}
