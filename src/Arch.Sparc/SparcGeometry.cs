using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Sparc;

/// <summary>
/// Shape of sparc64 page tables: pages of 8 KiB, four levels of 1024 entries, 53 bits of virtual address. Processors implement fewer, in
/// two's complement, which leaves a hole in the middle of the address space.
/// </summary>
public static class SparcGeometry
{
    /// <summary>log2 of the entries of a table.</summary>
    public const int TableBits = 10;

    /// <summary>Number of levels.</summary>
    public const int Levels = 4;

    /// <summary>Bits of the virtual address that index tables and pages.</summary>
    public const int VirtualAddressBits = SparcBits.PageShift + (TableBits * Levels);

    /// <summary>Physical address bits (MAX_PHYS_ADDRESS_BITS).</summary>
    public const int PhysicalAddressBits = 53;

    /// <summary>Distance that user mappings keep from the hole.</summary>
    public const ulong HoleMargin = 1UL << 32;

    /// <summary>log2 of what one entry of a level covers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LevelShift(int level) => SparcBits.PageShift + (TableBits * (level - 1));

    /// <summary>Whether an address lies outside the hole of a processor.</summary>
    /// <param name="virtualAddress">The address, without a tag in its top bits.</param>
    /// <param name="implementedBits">Virtual address bits of the processor: the hole begins at half of that range.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOutsideHole(ulong virtualAddress, int implementedBits)
    {
        int unused = 64 - implementedBits;
        return (ulong)((long)(virtualAddress << unused) >> unused) == virtualAddress;
    }

    /// <summary>End of user space below the hole.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong UserSpaceEnd(int implementedBits) => (1UL << (implementedBits - 1)) - HoleMargin;
}
