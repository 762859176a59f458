using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <summary>
/// Removes what a range of a VMA maps or remembers (mm/memory.c zap_pte_range): munmap, exit, MADV_DONTNEED.
/// </summary>
/// <remarks>The caller holds the mmap_lock, for reading or writing; each table is locked while its entries go.</remarks>
public sealed partial class Zapper<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the operation of a machine.</summary>
    public Zapper(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>Empties [start, end), which lies inside the VMA.</summary>
    /// <param name="vma">The VMA.</param>
    /// <param name="start">First byte address.</param>
    /// <param name="end">First byte address behind.</param>
    /// <param name="dropMarkers">
    /// Whether guard markers, and write-protect markers of shared memory, go too: yes for munmap and exit, no for MADV_DONTNEED.
    /// </param>
    public void Zap(uint vma, ulong start, ulong end, bool dropMarkers)
    {
        ulong page = 1UL << TArch.PageShift;
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        bool locked = (mm.Vmas.FlagsOf(vma) & VmaFlags.Locked) != 0;
        for (ulong address = start; address < end;)
        {
            ulong stop = Math.Min(end, TableEnd(address));
            if (mm.Huge.ZapOrSplit(vma, address, stop))
            {
                address = stop;
                continue;
            }

            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            if (guard.Table == 0)
                address = stop;
            while (address < stop)
            {
                if (TModel.TakesShortcuts && !locked)
                    ZapPlain(vma, in guard, ref address, stop, dropMarkers);
                if (address >= stop)
                    break;
                ZapEntry(vma, guard[address], dropMarkers);
                address += page;
            }
        }
    }

    /// <summary>First address behind those that share a level-1 table with the given one.</summary>
    internal static ulong TableEnd(ulong address)
    {
        ulong span = 1UL << TArch.LevelShift(2);
        return (address & ~(span - 1)) + span;
    }

    private void ZapEntry(uint vma, Leaf<TArch, TModel> leaf, bool dropMarkers)
    {
        Pte entry = leaf.Value;
        if (TArch.IsNone(entry, 1))
            return;
        if (TArch.IsPresent(entry, 1))
            ZapPresent(vma, leaf, dropMarkers);
        else
            ZapSoftLeaf(vma, leaf, mm.Decode(entry), dropMarkers);
    }

    private void ZapPresent(uint vma, Leaf<TArch, TModel> leaf, bool dropMarkers)
    {
        uint mapped = MmContext<TArch, TModel>.NormalFrame(leaf.Value);
        if (mapped != 0 && mm.Frames.Has(mapped, FrameFlags.SharedMemory))
        {
            mm.SharedMappings.Unmap(vma, leaf, keepMarker: !dropMarkers);
            return;
        }

        Pte old = leaf.ClearPresent();
        uint frame = MmContext<TArch, TModel>.NormalFrame(old);
        if (!dropMarkers && TArch.IsUffdWp(old))
            KeepProtected(vma, leaf);
        if (frame == 0)
            return;
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, -1);
        mm.Rmap.Remove(frame, vma);
        mm.FreeSwapCache(frame);
        mm.Folios.Put(frame);
    }

    private void ZapSoftLeaf(uint vma, Leaf<TArch, TModel> leaf, in SoftLeaf soft, bool dropMarkers)
    {
        switch (soft.Kind)
        {
            case SoftLeafKind.Swap:
                bool writeProtected = TArch.IsSwapUffdWp(leaf.Value);
                Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].SwapEntries, -1);
                mm.Leaves.Drop(leaf, new SwapEntry(soft.Type, soft.Offset));
                if (!dropMarkers && writeProtected)
                    KeepProtected(vma, leaf);
                break;
            case SoftLeafKind.MigrationRead or SoftLeafKind.MigrationReadExclusive or SoftLeafKind.MigrationWrite:
                mm.Spaces.CountResident(mm.Vmas[vma].AddressSpace, mm.Vmas[vma].SharedObject != 0, -1); // a page under way counts as resident
                mm.Leaves.DropMigration(leaf);
                break;
            case SoftLeafKind.Marker when (soft.Markers & PteMarkers.Guard) != 0 && !dropMarkers:
                break;
            case SoftLeafKind.Marker when soft.Markers == PteMarkers.UffdWp && !dropMarkers && mm.Vmas[vma].SharedObject != 0:
                break; // the page may come back from the object, still write-protected
            default:
                mm.Leaves.Mark(leaf, default); // markers and poison own nothing
                break;
        }
    }

    /// <summary>
    /// What userfaultfd write-protects stays so where the object's page may take the place of the private copy that goes
    /// (zap_install_uffd_wp_if_needed).
    /// </summary>
    private void KeepProtected(uint vma, Leaf<TArch, TModel> leaf)
    {
        if (mm.Vmas[vma].SharedObject != 0 && mm.Vmas[vma].Uffd != 0)
            mm.Leaves.Mark(leaf, SoftLeaf.OfMarker(PteMarkers.UffdWp).Encode<TArch>(mm.SwapTypes));
    }
}
