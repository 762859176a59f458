using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>The links of unmerged pages as nodes of a tree; who searches it compares contents, as they are now.</summary>
internal readonly struct KsmUnstableNodes<TModel>(RecordPool<TModel, KsmItem> pool) : ILinkedNodes
    where TModel : IModel
{
    public ref TreeLinks Links(uint node) => ref pool[node].Tree;
}
