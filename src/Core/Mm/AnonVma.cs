using System.Runtime.InteropServices;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>
/// What an anonymous frame points at instead of at its VMAs (the kernel's anon_vma): all VMAs in which pages born under it may be mapped.
/// 64 bytes, record of <see cref="MetadataRegion.AnonVmas"/>.
/// </summary>
/// <remarks>
/// <para>The first one of a family is the root; a fork hangs one more below the parent's, with the same root. <see cref="Lock"/> of the
/// root protects the trees and counts of the whole family, and the geometry of every VMA in them.</para>
/// <para>References: one for its own tree as long as that has links, one per further member of the family in the root, and one per
/// walker. The last one frees the record. So whoever reads the number from a frame must take a reference with "unless zero" and look at
/// the frame again, see <see cref="ReverseMap{TModel}.Lock"/>.</para>
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct AnonVma
{
    /// <summary>Root of the interval tree of <see cref="AnonVmaChain"/> links, ordered by (PageOffset, Age) of their VMAs.</summary>
    public uint Tree;

    /// <summary>References, changed atomically; 0 in a free record.</summary>
    public uint References;

    /// <summary>Lock of the family (anon_vma->root->rwsem), used in the root only: the owner, 0 when free.</summary>
    public ulong Lock;

    /// <summary>The root of the family; itself in the root. Constant while the record lives.</summary>
    public uint Root;

    /// <summary>The anon_vma of the VMA that was forked; itself in the root. Constant while the record lives.</summary>
    public uint Parent;

    /// <summary>Live anon_vmas whose <see cref="Parent"/> this is, the root itself included (num_children).</summary>
    public uint Children;

    /// <summary>VMAs whose <see cref="Vma.AnonVma"/> this is (num_active_vmas).</summary>
    public uint ActiveVmas;
}
