using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// Links as nodes of the interval tree of their anon_vma: the interval is that of the linear page indexes of the VMA; equal starts stand in
/// order of age (the kernel inserts an equal key behind those that are there).
/// </summary>
internal readonly struct AnonVmaChainNodes<TModel> : ITreeNodes
    where TModel : IModel
{
    private readonly RecordPool<TModel, AnonVmaChain> links;
    private readonly RecordPool<TModel, Vma> vmas;
    private readonly int pageShift;

    public AnonVmaChainNodes(RecordPool<TModel, AnonVmaChain> links, RecordPool<TModel, Vma> vmas, int pageShift)
    {
        this.links = links;
        this.vmas = vmas;
        this.pageShift = pageShift;
    }

    public ref TreeLinks Links(uint node) => ref links[node].Tree;

    public bool Precedes(uint node, uint other)
    {
        ref Vma one = ref vmas[links[node].Vma];
        ref Vma two = ref vmas[links[other].Vma];
        return one.PageOffset != two.PageOffset ? one.PageOffset < two.PageOffset : one.Age < two.Age;
    }

    public ulong Start(uint node) => vmas[links[node].Vma].PageOffset;

    public ulong End(uint node)
    {
        ref Vma vma = ref vmas[links[node].Vma];
        return vma.PageOffset + ((vma.End - vma.Start) >> pageShift);
    }
}
