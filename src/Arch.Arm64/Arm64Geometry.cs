using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.Arm64;

/// <summary>
/// Shape of arm64 page tables with a granule of 4 KiB and 48 bits of virtual address: four levels of 512 entries. A process's tables
/// (TTBR0) translate the whole range below 2^48; addresses above belong to the kernel's tables (TTBR1) and are not found here.
/// </summary>
/// <seealso cref="Arm64FourLevel"/>
public static class Arm64Geometry
{
    /// <summary>log2 of the base page size.</summary>
    public const int PageShift = 12;

    /// <summary>log2 of the entries of a table.</summary>
    public const int TableBits = 9;

    /// <summary>Number of levels.</summary>
    public const int Levels = 4;

    /// <summary>Bits of the virtual address.</summary>
    public const int VirtualAddressBits = PageShift + (TableBits * Levels);

    /// <summary>Bits of a physical address, without LPA2.</summary>
    public const int PhysicalAddressBits = 48;

    /// <summary>log2 of what one entry of a level covers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LevelShift(int level) => PageShift + (TableBits * (level - 1));

    /// <summary>One above the last address of user space.</summary>
    public static ulong UserSpaceEnd => 1UL << VirtualAddressBits;

    /// <summary>Whether a process's tables translate the address: it has no bit above the 48, neither the kernel's sign nor a tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress) => virtualAddress >> VirtualAddressBits == 0;
}
