namespace PageTableEmu.Image.Trees;

/// <summary>
/// What all binary trees of records do alike, whatever keeps them in balance: hang a node up, turn two of them, take one out. Knows nothing of order,
/// colours or ends; the caller holds the lock of the root.
/// </summary>
internal readonly struct TreeShape<TNodes>(TNodes nodes)
    where TNodes : struct, ILinkedNodes
{
    private readonly TNodes nodes = nodes;

    /// <summary>The first node of a subtree.</summary>
    internal uint First(uint node)
    {
        for (uint left = nodes.Links(node).Left; left != 0; left = nodes.Links(node).Left)
            node = left;
        return node;
    }

    /// <summary>Hangs a node, whose own links are set already, below a parent without a child on that side; parent 0: in an empty tree.</summary>
    internal void Attach(ref uint root, uint parent, bool left, uint node)
    {
        if (parent == 0)
            root = node;
        else
            SetChild(parent, left, node);
    }

    /// <summary>Turns a node down to one side; returns its child on the other side, which comes up.</summary>
    internal uint Rotate(ref uint root, uint node, bool left)
    {
        ref TreeLinks links = ref nodes.Links(node);
        uint risen = left ? links.Right : links.Left;
        ref TreeLinks up = ref nodes.Links(risen);
        uint inner = left ? up.Left : up.Right;
        SetChild(node, !left, inner);
        if (inner != 0)
            nodes.Links(inner).Parent = node;
        Replace(ref root, node, risen);
        SetChild(risen, left, node);
        links.Parent = risen;
        return risen;
    }

    /// <summary>
    /// Takes a node out. One with two children is followed by its successor, which takes over its height or colour: then it is the successor's old
    /// place that is gone.
    /// </summary>
    /// <param name="root">The root of the tree.</param>
    /// <param name="node">The node; its links are cleared.</param>
    /// <param name="child">What hangs now where a node went away, 0 when nothing does.</param>
    /// <param name="parent">The node above that place, 0 when it is the root.</param>
    /// <returns>Height, or colour, of the place that is gone.</returns>
    internal uint Detach(ref uint root, uint node, out uint child, out uint parent)
    {
        TreeLinks links = nodes.Links(node);
        uint lost = links.Height;
        if (links.Left == 0 || links.Right == 0)
        {
            child = links.Left != 0 ? links.Left : links.Right;
            parent = links.Parent;
            Replace(ref root, node, child);
        }
        else
        {
            uint successor = First(links.Right);
            ref TreeLinks next = ref nodes.Links(successor);
            lost = next.Height;
            child = next.Right;
            parent = next.Parent == node ? successor : next.Parent;
            if (parent != successor)
            {
                Replace(ref root, successor, child);
                next.Right = links.Right;
                nodes.Links(links.Right).Parent = successor;
            }

            Replace(ref root, node, successor);
            next.Left = links.Left;
            nodes.Links(links.Left).Parent = successor;
            next.Height = links.Height;
        }

        nodes.Links(node) = default;
        return lost;
    }

    private void SetChild(uint node, bool left, uint child)
    {
        if (left)
            nodes.Links(node).Left = child;
        else
            nodes.Links(node).Right = child;
    }

    private void Replace(ref uint root, uint node, uint other)
    {
        uint parent = nodes.Links(node).Parent;
        Attach(ref root, parent, parent != 0 && nodes.Links(parent).Left == node, other);
        if (other != 0)
            nodes.Links(other).Parent = parent;
    }
}
