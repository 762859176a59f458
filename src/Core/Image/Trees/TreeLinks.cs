using System.Runtime.InteropServices;

namespace PageTableEmu.Image.Trees;

/// <summary>
/// The links of a record that is a node of an <see cref="AugmentedTree{TNodes}"/>: 24 bytes, record numbers, 0 = none. They belong to the
/// lock of the tree; only the tree writes them.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
public struct TreeLinks
{
    /// <summary>Root of the subtree of nodes that precede this one.</summary>
    public uint Left;

    /// <summary>Root of the subtree of nodes that follow this one.</summary>
    public uint Right;

    /// <summary>The node above, 0 in the root of the tree.</summary>
    public uint Parent;

    /// <summary>Nodes on the longest way down from here, this one included; 0 in a record that is in no tree.</summary>
    public uint Height;

    /// <summary>Largest end of all intervals in this subtree (exclusive).</summary>
    public ulong MaxEnd;
}
