using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>From a large folio to the huge leaves that map it. The caller holds the lock of its anon_vma root.</summary>
public readonly struct HugeReverseMap<TArch, TModel>(MmContext<TArch, TModel> mm)
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Splits all huge leaves that map a folio.</summary>
    public void SplitLeaves(uint head, uint anonVma)
    {
        if (mm.Frames.Large.EntireMappings(head) == 0)
            return;
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, mm.Frames.PagesOf(head)))
        {
            using HugeGuard<TArch, TModel> guard = Lock(place);
            if (Maps(guard, place, head))
                mm.Huge.Split(guard, place.Vma);
        }
    }

    /// <summary>Locks the level-2 entry of a place.</summary>
    public HugeGuard<TArch, TModel> Lock(ReverseMapPlace place) =>
        mm.Huge.Lock(mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root, place.Address);

    /// <summary>Whether the locked entry of a place is a huge leaf that maps the folio.</summary>
    public bool Maps(in HugeGuard<TArch, TModel> guard, ReverseMapPlace place, uint head) =>
        guard.IsLeaf && guard.Head == head && guard.First == place.Address;
}
