namespace PageTableEmu.Image.Trees;

/// <summary>Checks that some records really are an <see cref="AugmentedTree{TNodes}"/>, and lists them in order. Ends on any damage.</summary>
internal sealed class TreeCheck<TNodes>
    where TNodes : struct, ITreeNodes
{
    private readonly TNodes nodes;
    private readonly string name;

    internal TreeCheck(TNodes nodes, uint root, string name)
    {
        this.nodes = nodes;
        this.name = name;
        if (root == 0)
            return;
        if (nodes.Links(root).Parent != 0)
            Problems.Add($"{name}: root {root} has parent {nodes.Links(root).Parent}.");
        if (nodes.Links(root).Height > 64)
            Problems.Add($"{name}: root {root} claims height {nodes.Links(root).Height}.");
        else
            Visit(root);
        CheckOrder();
    }

    /// <summary>The nodes in order.</summary>
    internal List<uint> Nodes { get; } = [];

    /// <summary>What is wrong.</summary>
    internal List<string> Problems { get; } = [];

    private void Visit(uint node)
    {
        TreeLinks links = nodes.Links(node);
        if (links.Left != 0 && links.Left == links.Right)
        {
            Problems.Add($"{name}: node {node} has {links.Left} on both sides.");
            return;
        }

        (uint leftHeight, ulong leftEnd) = Descend(node, links.Left, links.Height);
        Nodes.Add(node);
        (uint rightHeight, ulong rightEnd) = Descend(node, links.Right, links.Height);
        if (links.Height != Math.Max(leftHeight, rightHeight) + 1)
            Problems.Add($"{name}: node {node} says height {links.Height} over {leftHeight} and {rightHeight}.");
        if (leftHeight > rightHeight + 1 || rightHeight > leftHeight + 1)
            Problems.Add($"{name}: node {node} is out of balance: {leftHeight} and {rightHeight}.");
        ulong end = Math.Max(nodes.End(node), Math.Max(leftEnd, rightEnd));
        if (links.MaxEnd != end)
            Problems.Add($"{name}: node {node} says largest end {links.MaxEnd}, it is {end}.");
    }

    private (uint Height, ulong MaxEnd) Descend(uint node, uint child, uint height)
    {
        if (child == 0)
            return (0, 0);
        TreeLinks links = nodes.Links(child);
        if (links.Parent != node)
            Problems.Add($"{name}: node {child} hangs below {node} but names {links.Parent} as parent.");
        else if (links.Height >= height)
            Problems.Add($"{name}: node {child} of height {links.Height} hangs below {node} of height {height}.");
        else
            Visit(child); // heights fall strictly and every node has one parent: the walk ends
        return (links.Height, links.MaxEnd);
    }

    private void CheckOrder()
    {
        for (int i = 1; i < Nodes.Count; i++)
        {
            if (!nodes.Precedes(Nodes[i - 1], Nodes[i]))
                Problems.Add($"{name}: node {Nodes[i - 1]} stands before {Nodes[i]} but does not precede it.");
        }
    }
}
