using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class RedBlackTreeTests
{
    private const uint Red = 1;
    private const uint Black = 2;

    [Fact]
    public void RandomInsertionsAndRemovals_KeepOrderLinksAndColours() =>
        Prop.ForAll((int seed) =>
        {
            const int size = 60;
            var random = new Random(seed);
            var links = new TreeLinks[size + 1];
            var tree = new RedBlackTree<Nodes>(new Nodes(links));
            var inside = new SortedSet<uint>();
            uint root = 0;
            for (int i = 0; i < 300; i++)
            {
                uint node = 1 + (uint)random.Next(size);
                if (inside.Remove(node))
                    tree.Remove(ref root, node);
                else
                    Insert(tree, ref root, node, inside);
                AssertSound(links, root, inside);
            }
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(1)] // ascending
    [InlineData(-1)] // descending
    public void Depth_OfOrderedInsertions_StaysLogarithmic(int step)
    {
        const int size = 1023;
        var links = new TreeLinks[size + 1];
        var tree = new RedBlackTree<Nodes>(new Nodes(links));
        var inside = new SortedSet<uint>();
        uint root = 0;
        for (int i = 0; i < size; i++)
            Insert(tree, ref root, (uint)(step > 0 ? 1 + i : size - i), inside);
        AssertSound(links, root, inside);
        Assert.InRange(Depth(links, root), 10, 2 * 10);
    }

    /// <summary>The shape that the textbook gives, which the kernel's is: which nodes lie on a way is an observable of same-page merging.</summary>
    [Fact]
    public void SevenAscending_GiveTheTextbooksShape()
    {
        var links = new TreeLinks[8];
        var tree = new RedBlackTree<Nodes>(new Nodes(links));
        var inside = new SortedSet<uint>();
        uint root = 0;
        for (uint node = 1; node <= 7; node++)
            Insert(tree, ref root, node, inside);
        Assert.Equal("(1b)2b((3b)4r((5r)6b(7r)))", Draw(links, root));
        tree.Remove(ref root, 1); // the sibling is red: a rotation brings it up
        Assert.Equal("(2b(3r))4b((5r)6b(7r))", Draw(links, root));
    }

    private static void Insert(RedBlackTree<Nodes> tree, ref uint root, uint node, SortedSet<uint> inside)
    {
        uint parent = 0;
        bool left = false;
        for (uint next = root; next != 0; next = left ? tree.Left(next) : tree.Right(next))
        {
            parent = next;
            left = node < next;
        }

        tree.InsertBelow(ref root, parent, left, node);
        inside.Add(node);
    }

    private static void AssertSound(TreeLinks[] links, uint root, SortedSet<uint> inside)
    {
        var order = new List<uint>();
        Assert.True(root == 0 || links[root].Height == Black);
        BlackHeight(links, root, 0, order);
        Assert.Equal(inside, order);
    }

    private static int BlackHeight(TreeLinks[] links, uint node, uint parent, List<uint> order)
    {
        if (node == 0)
            return 0;
        TreeLinks own = links[node];
        Assert.Equal(parent, own.Parent);
        Assert.InRange(own.Height, Red, Black);
        Assert.False(own.Height == Red && links[parent].Height == Red, $"{node} and its parent are red");
        int left = BlackHeight(links, own.Left, node, order);
        order.Add(node);
        Assert.Equal(left, BlackHeight(links, own.Right, node, order));
        return left + (own.Height == Black ? 1 : 0);
    }

    private static int Depth(TreeLinks[] links, uint node) =>
        node == 0 ? 0 : 1 + Math.Max(Depth(links, links[node].Left), Depth(links, links[node].Right));

    private static string Draw(TreeLinks[] links, uint node)
    {
        string left = links[node].Left == 0 ? string.Empty : $"({Draw(links, links[node].Left)})";
        string right = links[node].Right == 0 ? string.Empty : $"({Draw(links, links[node].Right)})";
        return $"{left}{node}{(links[node].Height == Red ? 'r' : 'b')}{right}";
    }

    private readonly struct Nodes(TreeLinks[] links) : ILinkedNodes
    {
        public ref TreeLinks Links(uint node) => ref links[node];
    }
}
