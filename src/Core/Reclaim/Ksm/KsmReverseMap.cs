using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>From a KSM frame to the places where it may be mapped (mm/ksm.c rmap_walk_ksm).</summary>
/// <remarks>
/// <para>A KSM frame has no anon_vma of its own. The items of its node lead to the pages that were merged, each by an address and an anon_vma;
/// the VMAs of that anon_vma that cover the address are the process's own, visited for all items first, and those that processes forked from it
/// have, visited after. A mapping to which no item leads is not found: such a page stays where it is.</para>
/// <para>The caller holds the folio lock, which keeps the items. Each anon_vma's root lock is held while its places are visited.</para>
/// </remarks>
internal readonly struct KsmReverseMap<TArch, TModel>(MmContext<TArch, TModel> mm)
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Visits the places of a frame.</summary>
    internal void Walk<TVisitor>(uint frame, ref TVisitor visitor)
        where TVisitor : struct, IKsmPlaceVisitor
    {
        mm.Frames.AssertLocked(frame);
        uint node = (uint)mm.Frames[frame].Mapping;
        if (node != 0 && WalkItems(node, forks: false, ref visitor))
            WalkItems(node, forks: true, ref visitor);
    }

    private bool WalkItems<TVisitor>(uint node, bool forks, ref TVisitor visitor)
        where TVisitor : struct, IKsmPlaceVisitor
    {
        bool go = true;
        for (uint item = mm.Ksm.Nodes[node].FirstItem; item != 0 && go; item = mm.Ksm.Items[item].NextInNode)
        {
            uint anonVma = mm.Ksm.Items[item].AnonVma;
            mm.ReverseMap.LockAnonVma(anonVma);
            go = WalkVmas(mm.Ksm.Items[item], forks, ref visitor);
            mm.ReverseMap.Unlock(anonVma);
        }

        return go;
    }

    private bool WalkVmas<TVisitor>(in KsmItem item, bool forks, ref TVisitor visitor)
        where TVisitor : struct, IKsmPlaceVisitor
    {
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(item.AnonVma, 0, ulong.MaxValue))
        {
            ref Vma vma = ref mm.Vmas[place.Vma];
            if (item.Address < vma.Start || item.Address >= vma.End || IsOwn(item, vma.AddressSpace) == forks)
                continue;
            if (!visitor.Visit(new ReverseMapPlace(place.Vma, item.Address)))
                return false;
        }

        return true;
    }

    /// <summary>The number of an ended process may be another's by now, while its items wait for the next scan.</summary>
    private bool IsOwn(in KsmItem item, uint space)
    {
        ref KsmSlot slot = ref mm.Ksm.Slots[item.Slot];
        return slot.Space == space && slot.Generation == mm.Spaces[space].Generation;
    }
}
