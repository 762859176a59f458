using System.Runtime.InteropServices;

namespace PageTableEmu.Arch.Sparc.Adi;

/// <summary>
/// One descriptor of Linux's tag store (tag_storage_desc_t): a range of addresses, its buffer, and how many pages of it are said to be saved;
/// not which. 32 bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TagRange
{
    /// <summary>First address.</summary>
    public ulong Start;

    /// <summary>Last address, inclusive.</summary>
    public ulong End;

    /// <summary>The buffer, by number (a pointer in the kernel).</summary>
    public ulong Buffer;

    /// <summary>Pages that are said to be saved.</summary>
    public ulong Users;

    /// <summary>Whether all of a page lies in the range. A free descriptor, whose ends are both 0, holds none.</summary>
    public readonly bool Covers(ulong page) => Start <= page && page + SparcBits.PageOffset <= End;
}
