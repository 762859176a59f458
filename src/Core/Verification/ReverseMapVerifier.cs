using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>Whether the reverse map leads from a mapped frame back to each entry that maps it.</summary>
/// <remarks>The interval trees are looked through first: a query may go round in circles in a damaged one, so none is asked then.</remarks>
internal sealed class ReverseMapVerifier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly bool[] usable;

    internal ReverseMapVerifier(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        AnonVmas<TModel> anons = mm.Vmas.Anons;
        usable = new bool[anons.Pool.HighWater + 1];
        for (uint number = 1; number < usable.Length; number++)
        {
            if (Atomic<TModel>.Load(ref anons.Pool[number].References) == 0)
                continue;
            var tree = new TreeCheck<AnonVmaChainNodes<TModel>>(anons.Nodes, anons.Pool[number].Tree, $"Anon_vma {number}");
            foreach (string problem in tree.Problems)
                Findings.Add("VMA", problem);
            usable[number] = tree.Problems.Count == 0;
        }
    }

    internal Findings Findings { get; } = new();

    /// <summary>Checks one entry: frame, and VMA and address of the entry.</summary>
    internal void Check(uint frame, FrameFlags flags, uint vma, ulong address)
    {
        if ((flags & FrameFlags.Ksm) != 0)
            return; // found through the list of its places, not through an anon_vma
        ref FrameRecord record = ref mm.Frames[frame];
        if ((flags & FrameFlags.SharedMemory) != 0)
        {
            CheckShared(frame, ref record, vma, address);
            return;
        }

        ulong mapping = mm.Frames.Folio(frame).Mapping;
        if ((flags & FrameFlags.Anon) == 0 || mapping == 0 || mapping >= (ulong)usable.Length || !usable[mapping])
        {
            Findings.Add("I19", $"Frame {frame}, {flags}, is mapped at {address:x} by VMA {vma}; its anon_vma {mapping} is of no use.");
            return;
        }

        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates((uint)mapping, record.Index))
        {
            if (place.Vma == vma && place.Address == address)
                return;
        }

        Findings.Add("I19", $"Frame {frame} (anon_vma {mapping}, index {record.Index:x}) "
            + $"is mapped at {address:x} by VMA {vma} and not found there.");
    }

    /// <summary>That the VMA is in the tree of the object that it names is <see cref="SharedVerifier{TArch, TModel}"/>'s to check.</summary>
    private void CheckShared(uint frame, ref FrameRecord record, uint vma, ulong address)
    {
        if (mm.Vmas[vma].SharedObject == record.Mapping && mm.Vmas.LinearIndex(vma, address) == record.Index)
            return;
        Findings.Add("I19", $"Frame {frame} is page {record.Index} of shared object {record.Mapping}; "
            + $"at {address:x} VMA {vma} shows page {mm.Vmas.LinearIndex(vma, address)} of object {mm.Vmas[vma].SharedObject}.");
    }
}
