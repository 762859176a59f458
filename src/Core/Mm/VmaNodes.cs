using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// VMAs as nodes of the tree of their address space. They do not overlap, so ends are in order as well and no interval query is needed:
/// a VMA may grow and shrink in its place without touching the tree.
/// </summary>
internal readonly struct VmaNodes<TModel> : ITreeNodes
    where TModel : IModel
{
    private readonly RecordPool<TModel, Vma> pool;

    public VmaNodes(RecordPool<TModel, Vma> pool) => this.pool = pool;

    public ref TreeLinks Links(uint node) => ref pool[node].Tree;

    public bool Precedes(uint node, uint other) => pool[node].Start < pool[other].Start;

    public ulong Start(uint node) => pool[node].Start;

    public ulong End(uint node) => 0;
}
