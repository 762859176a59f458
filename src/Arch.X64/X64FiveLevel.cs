using System.Runtime.CompilerServices;
using PageTableEmu.Paging;

namespace PageTableEmu.Arch.X64;

/// <summary>x86-64 with five levels (LA57): 57 bits of virtual address.</summary>
/// <seealso cref="X64FourLevel"/>
public readonly struct X64FiveLevel : IX64
{
    /// <inheritdoc/>
    public static string Name => "x86_64_5level";

    /// <inheritdoc/>
    public static uint Id => 2;

    /// <inheritdoc/>
    public static int Levels => 5;

    /// <inheritdoc/>
    public static int VirtualAddressBits => X64Geometry.VirtualAddressBits(5);

    /// <inheritdoc/>
    public static ulong UserSpaceEnd => X64Geometry.UserSpaceEnd(5);

    /// <summary>52 bits of physical memory (MAX_PHYSMEM_BITS with LA57) in pages of 4 KiB.</summary>
    public static int FrameNumberBits => 52 - X64Geometry.PageShift;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => X64Geometry.IsCanonical(virtualAddress, 5);

    /// <inheritdoc/>
    /// <remarks>The root of five levels is compared with zero exactly (pgd_none); below it the erratum bits are ignored.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNone(Pte entry, int level) => level == 5 ? entry.Raw == 0 : X64Leaf.IsNone(entry);
}
