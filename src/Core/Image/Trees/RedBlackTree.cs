namespace PageTableEmu.Image.Trees;

/// <summary>
/// An intrusive red-black tree of records (lib/rbtree.c): for callers who find the place of a node by themselves, and to whom it matters which nodes
/// lie on the way.
/// </summary>
/// <remarks>
/// The tree owns no memory: the root is a word of some record, the links lie in the nodes; <see cref="TreeLinks.Height"/> is the colour. Every member
/// runs under the lock of that root word. The shapes are those that the textbook gives, and so those of the kernel.
/// </remarks>
/// <example>
/// <code>
/// uint root = 0;
/// var tree = new RedBlackTree&lt;Nodes&gt;(new Nodes(new TreeLinks[8]));
/// tree.InsertBelow(ref root, parent: 0, left: false, node: 1);
/// tree.InsertBelow(ref root, parent: 1, left: true, node: 2); // 2 precedes 1
/// tree.Remove(ref root, 1);
///
/// readonly struct Nodes(TreeLinks[] links) : ILinkedNodes
/// {
///     public ref TreeLinks Links(uint node) =&gt; ref links[node];
/// }
/// </code>
/// </example>
public readonly struct RedBlackTree<TNodes>
    where TNodes : struct, ILinkedNodes
{
    private const uint Red = 1;
    private const uint Black = 2;
    private readonly TNodes nodes;
    private readonly TreeShape<TNodes> shape;

    /// <summary>Makes a view of the trees of some records.</summary>
    public RedBlackTree(TNodes nodes)
    {
        this.nodes = nodes;
        shape = new TreeShape<TNodes>(nodes);
    }

    /// <summary>The node that precedes all of a node's subtree on its left, 0 when none.</summary>
    public uint Left(uint node) => nodes.Links(node).Left;

    /// <summary>The root of what follows a node in its subtree, 0 when nothing does.</summary>
    public uint Right(uint node) => nodes.Links(node).Right;

    /// <summary>Puts a node that is in no tree below a node that has no child on that side; parent 0 is for an empty tree.</summary>
    public void InsertBelow(ref uint root, uint parent, bool left, uint node)
    {
        nodes.Links(node) = new TreeLinks { Parent = parent, Height = Red };
        shape.Attach(ref root, parent, left, node);
        RepairAfterInsert(ref root, node);
    }

    /// <summary>Takes a node out of the tree.</summary>
    public void Remove(ref uint root, uint node)
    {
        if (shape.Detach(ref root, node, out uint child, out uint parent) == Black)
            RepairAfterRemove(ref root, child, parent);
    }

    private bool IsRed(uint node) => node != 0 && nodes.Links(node).Height == Red;

    private uint Child(uint node, bool left) => left ? nodes.Links(node).Left : nodes.Links(node).Right;

    private void RepairAfterInsert(ref uint root, uint node)
    {
        while (IsRed(nodes.Links(node).Parent))
        {
            uint parent = nodes.Links(node).Parent;
            uint grandparent = nodes.Links(parent).Parent;
            bool left = nodes.Links(grandparent).Left == parent;
            uint uncle = Child(grandparent, !left);
            if (IsRed(uncle))
            {
                nodes.Links(parent).Height = nodes.Links(uncle).Height = Black;
                nodes.Links(grandparent).Height = Red;
                node = grandparent;
                continue;
            }

            if (Child(parent, !left) == node)
            {
                shape.Rotate(ref root, parent, left);
                parent = node;
            }

            nodes.Links(parent).Height = Black;
            nodes.Links(grandparent).Height = Red;
            shape.Rotate(ref root, grandparent, !left);
            break;
        }

        nodes.Links(root).Height = Black;
    }

    /// <summary>The way through a child (perhaps none) below a parent has one black node too few.</summary>
    private void RepairAfterRemove(ref uint root, uint child, uint parent)
    {
        while (child != root && !IsRed(child))
        {
            bool left = nodes.Links(parent).Left == child;
            uint sibling = Child(parent, !left);
            if (IsRed(sibling))
            {
                nodes.Links(sibling).Height = Black;
                nodes.Links(parent).Height = Red;
                shape.Rotate(ref root, parent, left);
                sibling = Child(parent, !left);
            }

            if (!IsRed(Child(sibling, true)) && !IsRed(Child(sibling, false)))
            {
                nodes.Links(sibling).Height = Red;
                child = parent;
                parent = nodes.Links(child).Parent;
                continue;
            }

            if (!IsRed(Child(sibling, !left)))
            {
                nodes.Links(Child(sibling, left)).Height = Black;
                nodes.Links(sibling).Height = Red;
                shape.Rotate(ref root, sibling, !left);
                sibling = Child(parent, !left);
            }

            nodes.Links(sibling).Height = nodes.Links(parent).Height;
            nodes.Links(parent).Height = Black;
            nodes.Links(Child(sibling, !left)).Height = Black;
            shape.Rotate(ref root, parent, left);
            child = root;
        }

        if (child != 0)
            nodes.Links(child).Height = Black;
    }
}
