using System.Runtime.InteropServices;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// A merged page (the kernel's ksm_stable_node): 64 bytes, record of <see cref="MetadataRegion.KsmNodes"/>. Its frame has
/// <see cref="FrameFlags.Ksm"/> and this record's number as <see cref="FrameRecord.Mapping"/>; nothing else keeps the frame, so the node may
/// find it gone.
/// </summary>
/// <remarks>
/// Everything belongs to the holder of <see cref="KsmState.Lock"/>; the list of items to the holder of the frame's folio lock as well, see
/// <see cref="KsmItem"/>.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct KsmNode
{
    /// <summary>Place in the tree of merged pages.</summary>
    public TreeLinks Tree;

    /// <summary>Checksum of the content, which cannot change while the frame is merged. Constant.</summary>
    public ulong Checksum;

    /// <summary>The merged frame. Changed atomically when the page moves to another one, with both folios locked.</summary>
    public uint Frame;

    /// <summary>First <see cref="KsmItem"/> that leads to a mapping: the one that joined last.</summary>
    public uint FirstItem;

    /// <summary>Number of items in the list.</summary>
    public uint ItemCount;

    /// <summary>The next younger node.</summary>
    public uint Next;

    /// <summary>The next older node.</summary>
    public uint Previous;

    /// <summary>
    /// Place among the nodes of the same content (the kernel's chain of stable_node_dup): the one with the greatest turn is looked at first.
    /// </summary>
    public uint Turn;
}
