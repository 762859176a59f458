using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// VMAs as nodes of the interval tree of the shared object that they show: the interval is that of the object's pages; equal starts stand in
/// order of age.
/// </summary>
internal readonly struct SharedVmaNodes<TModel> : ITreeNodes
    where TModel : IModel
{
    private readonly RecordPool<TModel, Vma> vmas;
    private readonly int pageShift;

    public SharedVmaNodes(RecordPool<TModel, Vma> vmas, int pageShift)
    {
        this.vmas = vmas;
        this.pageShift = pageShift;
    }

    public ref TreeLinks Links(uint node) => ref vmas[node].SharedTree;

    public bool Precedes(uint node, uint other)
    {
        ref Vma one = ref vmas[node];
        ref Vma two = ref vmas[other];
        return one.PageOffset != two.PageOffset ? one.PageOffset < two.PageOffset : one.Age < two.Age;
    }

    public ulong Start(uint node) => vmas[node].PageOffset;

    public ulong End(uint node)
    {
        ref Vma vma = ref vmas[node];
        return vma.PageOffset + ((vma.End - vma.Start) >> pageShift);
    }
}
