using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class AugmentedTreeTests
{
    [Fact]
    public void RandomInsertionsAndRemovals_AgreeWithAScan() =>
        Prop.ForAll((int seed) =>
        {
            const int size = 60;
            var random = new Random(seed);
            var store = new CountingNodes.Store(size);
            var tree = new AugmentedTree<CountingNodes>(new CountingNodes(store));
            var inside = new HashSet<uint>();
            uint root = 0;
            for (int i = 0; i < 300; i++)
            {
                uint node = 1 + (uint)random.Next(size);
                if (inside.Remove(node))
                {
                    tree.Remove(ref root, node);
                }
                else
                {
                    store.Starts[node] = (ulong)random.Next(20);
                    store.Ends[node] = store.Starts[node] + 1 + (ulong)random.Next(8);
                    tree.Insert(ref root, node);
                    inside.Add(node);
                }

                AssertAgrees(tree, store, root, inside, (ulong)random.Next(30));
            }
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0)] // ascending
    [InlineData(1)] // descending
    [InlineData(2)] // zigzag from both ends
    public void Height_OfOrderedInsertions_StaysLogarithmic(int pattern)
    {
        const int size = 65_530;
        var store = new CountingNodes.Store(size);
        var tree = new AugmentedTree<CountingNodes>(new CountingNodes(store));
        uint root = 0;
        for (uint i = 1; i <= size; i++)
        {
            store.Starts[i] = pattern == 0 ? i : pattern == 1 ? size - i : i % 2 == 0 ? i : (2 * size) - i;
            store.Ends[i] = store.Starts[i] + 1;
            tree.Insert(ref root, i);
        }

        Assert.InRange(store.Links[root].Height, 16u, (uint)(1.4405 * Math.Log2(size + 2)));
        store.Looks = 0;
        tree.Remove(ref root, root);
        Assert.InRange(store.Looks, 1, 1000);
    }

    [Fact]
    public void Overlaps_AreFoundInLogarithmicStepsEach()
    {
        const int size = 65_530;
        var store = new CountingNodes.Store(size);
        var tree = new AugmentedTree<CountingNodes>(new CountingNodes(store));
        uint root = 0;
        for (uint i = 1; i <= size; i++)
        {
            store.Starts[i] = 10 * i;
            store.Ends[i] = (10 * i) + (i % 1000 == 0 ? 10_000u : 5u);
            tree.Insert(ref root, i);
        }

        for (ulong point = 7; point < 10 * (size + 1000); point += 997)
        {
            store.Looks = 0;
            long found = 0;
            for (uint node = tree.FirstOverlap(root, point, point + 1); node != 0; node = tree.NextOverlap(node, point, point + 1))
                found++;
            Assert.InRange(found, 0, 3);
            Assert.InRange(store.Looks, 0, 4 * 24 * (found + 1));
        }
    }

    private static void AssertAgrees(
        AugmentedTree<CountingNodes> tree, CountingNodes.Store store, uint root, HashSet<uint> inside, ulong from)
    {
        uint[] expected = [.. inside.OrderBy(node => store.Starts[node]).ThenBy(node => node)];
        var forward = new List<uint>();
        for (uint node = tree.First(root); node != 0; node = tree.Next(node))
            forward.Add(node);
        Assert.Equal(expected, forward);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(i == 0 ? 0 : expected[i - 1], tree.Previous(expected[i]));

        ulong to = from + 1 + (from % 3);
        var met = new List<uint>();
        for (uint node = tree.FirstOverlap(root, from, to); node != 0; node = tree.NextOverlap(node, from, to))
            met.Add(node);
        Assert.Equal(expected.Where(node => store.Starts[node] < to && store.Ends[node] > from), met);
        Assert.InRange(root == 0 ? 0 : store.Links[root].Height, 0u, (uint)(1.4405 * Math.Log2(inside.Count + 2)));
    }
}
