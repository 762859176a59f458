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

    /// <summary>Makes a view of the trees of some records.</summary>
    public RedBlackTree(TNodes nodes) => this.nodes = nodes;

    /// <summary>The node that precedes all of a node's subtree on its left, 0 when none.</summary>
    public uint Left(uint node) => nodes.Links(node).Left;

    /// <summary>The root of what follows a node in its subtree, 0 when nothing does.</summary>
    public uint Right(uint node) => nodes.Links(node).Right;

    /// <summary>Puts a node that is in no tree below a node that has no child on that side; parent 0 is for an empty tree.</summary>
    public void InsertBelow(ref uint root, uint parent, bool left, uint node)
    {
        nodes.Links(node) = new TreeLinks { Parent = parent, Height = Red };
        if (parent == 0)
            root = node;
        else if (left)
            nodes.Links(parent).Left = node;
        else
            nodes.Links(parent).Right = node;
        RepairAfterInsert(ref root, node);
    }

    /// <summary>Takes a node out of the tree.</summary>
    public void Remove(ref uint root, uint node)
    {
        TreeLinks links = nodes.Links(node);
        uint child;
        uint parent;
        uint lost = links.Height;
        if (links.Left == 0 || links.Right == 0)
        {
            child = links.Left != 0 ? links.Left : links.Right;
            parent = links.Parent;
            Replace(ref root, node, child);
        }
        else
        {
            uint next = links.Right;
            while (nodes.Links(next).Left != 0)
                next = nodes.Links(next).Left;
            lost = nodes.Links(next).Height;
            child = nodes.Links(next).Right;
            parent = nodes.Links(next).Parent == node ? next : nodes.Links(next).Parent;
            if (parent != next)
            {
                Replace(ref root, next, child);
                nodes.Links(next).Right = links.Right;
                nodes.Links(links.Right).Parent = next;
            }

            Replace(ref root, node, next);
            nodes.Links(next).Left = links.Left;
            nodes.Links(links.Left).Parent = next;
            nodes.Links(next).Height = links.Height;
        }

        nodes.Links(node) = default;
        if (lost == Black)
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
                Rotate(ref root, parent, left);
                parent = node;
            }

            nodes.Links(parent).Height = Black;
            nodes.Links(grandparent).Height = Red;
            Rotate(ref root, grandparent, !left);
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
                Rotate(ref root, parent, left);
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
                Rotate(ref root, sibling, !left);
                sibling = Child(parent, !left);
            }

            nodes.Links(sibling).Height = nodes.Links(parent).Height;
            nodes.Links(parent).Height = Black;
            nodes.Links(Child(sibling, !left)).Height = Black;
            Rotate(ref root, parent, left);
            child = root;
        }

        if (child != 0)
            nodes.Links(child).Height = Black;
    }

    /// <summary>Turns a node down to one side; its child on the other side comes up.</summary>
    private void Rotate(ref uint root, uint node, bool left)
    {
        uint child = Child(node, !left);
        uint inner = Child(child, left);
        if (left)
            nodes.Links(node).Right = inner;
        else
            nodes.Links(node).Left = inner;
        if (inner != 0)
            nodes.Links(inner).Parent = node;
        Replace(ref root, node, child);
        if (left)
            nodes.Links(child).Left = node;
        else
            nodes.Links(child).Right = node;
        nodes.Links(node).Parent = child;
    }

    private void Replace(ref uint root, uint node, uint other)
    {
        uint parent = nodes.Links(node).Parent;
        if (parent == 0)
            root = other;
        else if (nodes.Links(parent).Left == node)
            nodes.Links(parent).Left = other;
        else
            nodes.Links(parent).Right = other;
        if (other != 0)
            nodes.Links(other).Parent = parent;
    }
}
