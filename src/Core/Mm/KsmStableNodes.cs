using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>Merged pages as nodes of a tree: ordered by checksum, so that all pages of a content are found as one interval.</summary>
internal readonly struct KsmStableNodes<TModel>(RecordPool<TModel, KsmNode> pool) : ITreeNodes
    where TModel : IModel
{
    public ref TreeLinks Links(uint node) => ref pool[node].Tree;

    public bool Precedes(uint node, uint other) =>
        pool[node].Checksum != pool[other].Checksum ? pool[node].Checksum < pool[other].Checksum : node < other;

    public ulong Start(uint node) => pool[node].Checksum;

    public ulong End(uint node) => pool[node].Checksum + 1;
}
