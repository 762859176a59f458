using System.Runtime.InteropServices;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>
/// An address space that same-page merging looks at (the kernel's ksm_mm_slot): 64 bytes, record of <see cref="MetadataRegion.KsmSlots"/>.
/// It outlives its address space while it has items; until the next scan.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct KsmSlot
{
    /// <summary>Next slot in scan order. Under <see cref="KsmState.ListLock"/>.</summary>
    public uint Next;

    /// <summary>Previous slot in scan order. Under <see cref="KsmState.ListLock"/>.</summary>
    public uint Previous;

    /// <summary>Number of the address space. Constant.</summary>
    public uint Space;

    /// <summary>First <see cref="KsmItem"/>, by address. Under <see cref="KsmState.Lock"/>.</summary>
    public uint FirstItem;

    /// <summary>
    /// <see cref="AddressSpace.Generation"/> of the address space: if that has another one by now, it is another address space. Constant.
    /// </summary>
    public ulong Generation;

    /// <summary>Items that are joined to a node (ksm_merging_pages). Changed atomically.</summary>
    public ulong Merged;
}
