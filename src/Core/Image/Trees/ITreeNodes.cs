namespace PageTableEmu.Image.Trees;

/// <summary>
/// How an <see cref="AugmentedTree{TNodes}"/> sees the records that are its nodes. A struct, so that each tree is compiled for its records.
/// </summary>
public interface ITreeNodes : ILinkedNodes
{
    /// <summary>Whether <paramref name="node"/> stands before <paramref name="other"/>. A strict total order that starts compare first in.</summary>
    bool Precedes(uint node, uint other);

    /// <summary>Start of the node's interval. Never decreases along the order of <see cref="Precedes"/>.</summary>
    ulong Start(uint node);

    /// <summary>End of the node's interval (exclusive); constant 0 in trees that nobody asks for overlaps.</summary>
    ulong End(uint node);
}
