using System.Runtime.CompilerServices;

namespace PageTableEmu.Arch.X64;

/// <summary>Shape of x86-64 page tables: pages of 4 KiB, tables of 512 entries, the virtual address sign-extended from its highest bit.</summary>
/// <seealso cref="X64FourLevel"/>
public static class X64Geometry
{
    /// <summary>log2 of the base page size.</summary>
    public const int PageShift = 12;

    /// <summary>log2 of the entries of a table.</summary>
    public const int TableBits = 9;

    /// <summary>log2 of what one entry of a level covers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LevelShift(int level) => PageShift + (TableBits * (level - 1));

    /// <summary>Bits of the virtual address that so many levels translate: 48 or 57.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int VirtualAddressBits(int levels) => LevelShift(levels) + TableBits;

    /// <summary>Whether the bits above the translated ones repeat the highest of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsCanonical(ulong virtualAddress, int levels)
    {
        int unused = 64 - VirtualAddressBits(levels);
        return (ulong)((long)(virtualAddress << unused) >> unused) == virtualAddress;
    }

    /// <summary>
    /// End of user space (TASK_SIZE_MAX): the lower half without its last page, which an erratum of returning from system calls forbids.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong UserSpaceEnd(int levels) => (1UL << (VirtualAddressBits(levels) - 1)) - (1UL << PageShift);
}
