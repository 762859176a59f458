using System.Runtime.InteropServices;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// One link between a VMA and an anon_vma (the kernel's anon_vma_chain): a node of the anon_vma's interval tree and an element of the VMA's
/// list. 64 bytes, record of <see cref="MetadataRegion.AnonVmaChains"/>. Protected by the lock of the anon_vma's root.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct AnonVmaChain
{
    /// <summary>Place in the interval tree of <see cref="AnonVma"/>.</summary>
    public TreeLinks Tree;

    /// <summary>The VMA.</summary>
    public uint Vma;

    /// <summary>The anon_vma.</summary>
    public uint AnonVma;

    /// <summary>The next younger link of the same VMA, 0 at the end.</summary>
    public uint Next;
}
