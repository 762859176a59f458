using System.Runtime.InteropServices;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// What same-page merging remembers of one page of an address space (the kernel's ksm_rmap_item): 80 bytes, record of
/// <see cref="MetadataRegion.KsmItems"/>.
/// </summary>
/// <remarks>
/// Everything belongs to the holder of <see cref="KsmState.Lock"/>. Items of a node (<see cref="KsmItemState.Stable"/>) join and leave its
/// list under the folio lock of the merged frame as well, and their address, slot and anon_vma are constant meanwhile: so a walk of the
/// reverse map needs the folio lock only.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 80)]
public struct KsmItem
{
    /// <summary>Place in the tree of unmerged pages.</summary>
    public TreeLinks Tree;

    /// <summary>Virtual address of the page.</summary>
    public ulong Address;

    /// <summary>Checksum of the content when the page was looked at last, 0 before.</summary>
    public ulong Checksum;

    /// <summary>The <see cref="KsmSlot"/> of its address space.</summary>
    public uint Slot;

    /// <summary>Next item of the slot, by address.</summary>
    public uint NextInSlot;

    /// <summary>
    /// The <see cref="KsmNode"/> it is joined to. When that was found to be gone the number stays behind, as the kernel's pointer (head) does.
    /// </summary>
    public uint Node;

    /// <summary>Next item of the node: the one that joined before.</summary>
    public uint NextInNode;

    /// <summary>Previous item of the node.</summary>
    public uint PreviousInNode;

    /// <summary>The anon_vma through which the page's VMA and its copies in forked children are found; not 0 means a reference to it.</summary>
    public uint AnonVma;

    /// <summary>Where the item is.</summary>
    public KsmItemState State;

    /// <summary>The scan in which it was put into the tree of unmerged pages.</summary>
    public uint Scan;
}
