using System.Runtime.CompilerServices;

namespace PageTableEmu.Image.Trees;

/// <summary>
/// An intrusive height-balanced (AVL) binary tree of records, each knowing the largest interval end below it, so that one tree is both an
/// ordered map and an interval tree.
/// </summary>
/// <remarks>
/// <para>The tree owns no memory: the root is a word of some record, the links lie in the nodes. Every member runs under the lock of that
/// root word; nothing here is atomic. The longest way down is at most 1.44 log2(n + 2), so that depth 64 cannot be exceeded.</para>
/// <para>Keys and ends of a node must not change while it is in the tree, except that starts may move as long as the order stays and
/// nobody asks this tree for overlaps.</para>
/// </remarks>
public readonly struct AugmentedTree<TNodes>
    where TNodes : struct, ITreeNodes
{
    private readonly TNodes nodes;
    private readonly TreeShape<TNodes> shape;

    /// <summary>Makes a view of the trees of some records.</summary>
    public AugmentedTree(TNodes nodes)
    {
        this.nodes = nodes;
        shape = new TreeShape<TNodes>(nodes);
    }

    /// <summary>Puts a node that is in no tree into the tree.</summary>
    public void Insert(ref uint root, uint node)
    {
        uint parent = 0;
        bool left = false;
        for (uint at = root; at != 0;)
        {
            parent = at;
            left = nodes.Precedes(node, at);
            ref TreeLinks links = ref nodes.Links(at);
            at = left ? links.Left : links.Right;
        }

        nodes.Links(node) = new TreeLinks { Parent = parent, Height = 1, MaxEnd = nodes.End(node) };
        shape.Attach(ref root, parent, left, node);
        Rebalance(ref root, parent);
    }

    /// <summary>Takes a node out of the tree. Compares nothing.</summary>
    public void Remove(ref uint root, uint node)
    {
        shape.Detach(ref root, node, out _, out uint lowest);
        Rebalance(ref root, lowest);
    }

    /// <summary>The first node, 0 when the tree is empty.</summary>
    public uint First(uint root) => root == 0 ? 0 : shape.First(root);

    /// <summary>The node behind a node, 0 at the end.</summary>
    public uint Next(uint node)
    {
        uint right = nodes.Links(node).Right;
        if (right != 0)
            return shape.First(right);
        uint parent = nodes.Links(node).Parent;
        while (parent != 0 && nodes.Links(parent).Right == node)
        {
            node = parent;
            parent = nodes.Links(node).Parent;
        }

        return parent;
    }

    /// <summary>The node before a node, 0 at the start.</summary>
    public uint Previous(uint node)
    {
        uint left = nodes.Links(node).Left;
        if (left != 0)
        {
            while (nodes.Links(left).Right != 0)
                left = nodes.Links(left).Right;
            return left;
        }

        uint parent = nodes.Links(node).Parent;
        while (parent != 0 && nodes.Links(parent).Left == node)
        {
            node = parent;
            parent = nodes.Links(node).Parent;
        }

        return parent;
    }

    /// <summary>The first node whose interval meets [start, end), 0 when none does.</summary>
    public uint FirstOverlap(uint root, ulong start, ulong end) => Reaches(root, start) ? FirstOverlapBelow(root, start, end) : 0;

    /// <summary>The next node whose interval meets [start, end), 0 when there is none. All of them cost O(log n + number of them · log n).</summary>
    public uint NextOverlap(uint node, ulong start, ulong end)
    {
        while (true)
        {
            uint right = nodes.Links(node).Right;
            if (Reaches(right, start))
                return FirstOverlapBelow(right, start, end);
            uint below;
            do
            {
                below = node;
                node = nodes.Links(node).Parent;
                if (node == 0)
                    return 0;
            }
            while (nodes.Links(node).Right == below);

            if (nodes.Start(node) >= end)
                return 0; // this one and all behind it start too late
            if (nodes.End(node) > start)
                return node;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Reaches(uint node, ulong start) => node != 0 && nodes.Links(node).MaxEnd > start;

    /// <summary>Some interval below <paramref name="node"/> ends behind start; finds the first that also begins before end.</summary>
    private uint FirstOverlapBelow(uint node, ulong start, ulong end)
    {
        while (true)
        {
            ref TreeLinks links = ref nodes.Links(node);
            if (Reaches(links.Left, start))
            {
                // Either the first overlap lies left, or the interval there that reaches start begins at or behind end, and all others too.
                node = links.Left;
                continue;
            }

            if (nodes.Start(node) >= end)
                return 0;
            if (nodes.End(node) > start)
                return node;
            if (!Reaches(links.Right, start))
                return 0;
            node = links.Right;
        }
    }

    /// <summary>Restores heights, ends and balance on the way from a changed node to the root.</summary>
    private void Rebalance(ref uint root, uint node)
    {
        while (node != 0)
        {
            ref TreeLinks links = ref nodes.Links(node);
            uint parent = links.Parent;
            uint left = Height(links.Left);
            uint right = Height(links.Right);
            if (left > right + 1)
            {
                if (Height(nodes.Links(links.Left).Left) < Height(nodes.Links(links.Left).Right))
                    Rotate(ref root, links.Left, left: true);
                Rotate(ref root, node, left: false);
            }
            else if (right > left + 1)
            {
                if (Height(nodes.Links(links.Right).Right) < Height(nodes.Links(links.Right).Left))
                    Rotate(ref root, links.Right, left: false);
                Rotate(ref root, node, left: true);
            }
            else
            {
                Update(node);
            }

            node = parent;
        }
    }

    private void Rotate(ref uint root, uint node, bool left)
    {
        uint risen = shape.Rotate(ref root, node, left);
        Update(node);
        Update(risen);
    }

    private uint Height(uint node) => node == 0 ? 0 : nodes.Links(node).Height;

    private void Update(uint node)
    {
        ref TreeLinks links = ref nodes.Links(node);
        uint height = 0;
        ulong end = nodes.End(node);
        if (links.Left != 0)
        {
            ref TreeLinks left = ref nodes.Links(links.Left);
            height = left.Height;
            end = Math.Max(end, left.MaxEnd);
        }

        if (links.Right != 0)
        {
            ref TreeLinks right = ref nodes.Links(links.Right);
            height = Math.Max(height, right.Height);
            end = Math.Max(end, right.MaxEnd);
        }

        links.Height = height + 1;
        links.MaxEnd = end;
    }
}
