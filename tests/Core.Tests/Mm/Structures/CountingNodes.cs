using PageTableEmu.Image.Trees;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>Tree nodes in an array (number 0 unused) that count how often they are looked at.</summary>
internal readonly struct CountingNodes(CountingNodes.Store store) : ITreeNodes
{
    public ref TreeLinks Links(uint node)
    {
        store.Looks++;
        return ref store.Links[node];
    }

    public bool Precedes(uint node, uint other) =>
        store.Starts[node] != store.Starts[other] ? store.Starts[node] < store.Starts[other] : node < other;

    public ulong Start(uint node) => store.Starts[node];

    public ulong End(uint node) => store.Ends[node];

    internal sealed class Store(int size)
    {
        public TreeLinks[] Links { get; } = new TreeLinks[size + 1];

        public ulong[] Starts { get; } = new ulong[size + 1];

        public ulong[] Ends { get; } = new ulong[size + 1];

        public long Looks { get; set; }
    }
}
