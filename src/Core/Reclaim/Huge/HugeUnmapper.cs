using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Huge;

/// <summary>
/// Takes a large folio out of every page table (mm/rmap.c try_to_unmap_one): its huge leaves are split and its pages unmapped one by one. Also
/// those of a lazily freed folio: recordings of Linux 6.18 show that a table stays where it was mapped, which a whole leaf taken away
/// would not leave.
/// </summary>
/// <remarks>The caller holds the folio lock and one reference.</remarks>
internal sealed class HugeUnmapper<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Unmapper<TArch, TModel> pages;
    private readonly HugeReverseMap<TArch, TModel> leaves;

    internal HugeUnmapper(MmContext<TArch, TModel> mm, Unmapper<TArch, TModel> pages)
    {
        this.mm = mm;
        this.pages = pages;
        leaves = new HugeReverseMap<TArch, TModel>(mm);
    }

    /// <summary>Returns whether no page table maps any page of the folio any more.</summary>
    internal bool TryUnmap(uint head)
    {
        mm.Frames.AssertLocked(head);
        uint anonVma = mm.ReverseMap.Lock(head);
        if (anonVma != 0)
        {
            leaves.SplitLeaves(head, anonVma);
            if (mm.Frames.Has(head, FrameFlags.SwapBacked) || !IsWritten(head, anonVma))
                UnmapPages(head, anonVma);
            mm.ReverseMap.Unlock(anonVma);
        }

        return mm.Frames.FolioMappings(head) == 0;
    }

    private ulong EndOf(uint head, ReverseMapPlace place)
    {
        ulong left = mm.Frames[head].Index + mm.Frames.PagesOf(head) - mm.Vmas.LinearIndex(place.Vma, place.Address);
        return Math.Min(mm.Vmas[place.Vma].End, place.Address + (left << TArch.PageShift));
    }

    private uint PageFor(uint head, ReverseMapPlace place) =>
        head + (uint)(mm.Vmas.LinearIndex(place.Vma, place.Address) - mm.Frames[head].Index);

    private void UnmapPages(uint head, uint anonVma)
    {
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, mm.Frames.PagesOf(head)))
        {
            ulong end = EndOf(head, place);
            uint frame = PageFor(head, place);
            if ((mm.Vmas.FlagsOf(place.Vma) & VmaFlags.Locked) != 0 && MapsAnyPage(head, place, out _))
                return; // what a locked VMA maps stays, and the walk ends there
            for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift, frame++)
            {
                if (!pages.TryUnmapAt(frame, place with { Address = address }))
                    return;
            }
        }
    }

    /// <summary>Whether the folio was written since it was freed lazily; then it is an ordinary one again.</summary>
    private bool IsWritten(uint head, uint anonVma)
    {
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, mm.Frames.PagesOf(head)))
        {
            MapsAnyPage(head, place, out bool dirty);
            if (dirty)
                mm.Frames.Set(head, FrameFlags.Dirty);
        }

        if (!mm.Frames.Has(head, FrameFlags.Dirty))
            return false;
        mm.Frames.Set(head, FrameFlags.SwapBacked);
        return true;
    }

    private bool MapsAnyPage(uint head, ReverseMapPlace place, out bool dirty)
    {
        bool any = false;
        dirty = false;
        uint root = mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root;
        ulong end = EndOf(head, place);
        uint frame = PageFor(head, place);
        for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift, frame++)
        {
            uint table = mm.Tables.LeafTable(root, address);
            Pte entry = table == 0 ? default : PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
            if (!Unmapper<TArch, TModel>.Maps(entry, frame))
                continue;
            any = true;
            dirty |= TArch.IsDirty(entry);
        }

        return any;
    }
}
