namespace PageTableEmu.Image.Trees;

/// <summary>How a tree reaches the links of the records that are its nodes. A struct, so that each tree is compiled for its records.</summary>
/// <seealso cref="RedBlackTree{TNodes}"/>
public interface ILinkedNodes
{
    /// <summary>The links of a node.</summary>
    ref TreeLinks Links(uint node);
}
