using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <summary>What MADV_COLD, WILLNEED, DONTNEED and FREE do to the pages of one VMA (mm/madvise.c *_pte_range).</summary>
/// <remarks>The caller holds the mmap_lock for reading.</remarks>
internal sealed class PageAdvice<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;
    private readonly Zapper<TArch, TModel> zapper;
    private readonly GuardRegions<TArch, TModel> guards;
    private readonly HugeAdvice<TArch, TModel> huge;

    internal PageAdvice(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.faults = faults;
        zapper = new Zapper<TArch, TModel>(mm);
        huge = new HugeAdvice<TArch, TModel>(mm);
        guards = new GuardRegions<TArch, TModel>(mm, zapper);
    }

    internal MmResult Apply(uint vma, ulong start, ulong end, Advice advice)
    {
        switch (advice)
        {
            case Advice.DontNeed:
                zapper.Zap(vma, start, end, dropMarkers: false);
                return MmResult.Ok;
            case Advice.GuardInstall:
                return guards.Install(vma, start, end);
            case Advice.GuardRemove:
                guards.Remove(vma, start, end);
                return MmResult.Ok;
            case Advice.WillNeed:
                ReadAhead(vma, start, end);
                return MmResult.Ok;
            default:
                Deactivate(vma, start, end, lazyFree: advice == Advice.Free);
                return MmResult.Ok;
        }
    }

    private void ReadAhead(uint vma, ulong start, ulong end)
    {
        uint shared = mm.Vmas[vma].SharedObject;
        if (shared != 0)
        {
            faults.SharedSwapIn.ReadAhead(shared, mm.Vmas.LinearIndex(vma, start), mm.Vmas.LinearIndex(vma, end));
            return;
        }

        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        for (ulong address = start; address < end; address += 1UL << TArch.PageShift)
            ReadAhead(root, address);
    }

    private void Deactivate(uint vma, ulong start, ulong end, bool lazyFree)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        huge.SplitPartial(vma, start, end);
        for (ulong address = start; address < end;)
        {
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            if (huge.TryDeactivate(vma, address, stop, lazyFree))
            {
                address = stop;
                continue;
            }

            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            if (guard.Table == 0)
                address = stop;
            uint whole = 0;
            for (; address < stop; address += 1UL << TArch.PageShift)
            {
                if (!HugeAdvice<TArch, TModel>.MayChange(guard, address, stop, mm.Frames, ref whole))
                    continue;
                if (lazyFree)
                    MakeLazyFree(vma, guard[address]);
                else
                    MakeCold(guard[address]);
            }
        }
    }

    private void MakeCold(Leaf<TArch, TModel> leaf)
    {
        Pte entry = leaf.Value;
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1))
            return;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        if (frame == 0 || mm.Frames.FolioMappings(frame) != mm.Frames.PagesOf(frame))
            return;
        if (TArch.IsYoung(entry))
            leaf.SetPresent(TArch.MakeOld(entry));
        mm.Frames.Clear(frame, FrameFlags.Referenced);
        mm.Folios.Lru.Deactivate(frame);
    }

    /// <summary>
    /// A swapped page is dropped at once; a present one becomes clean and loses its backing, so that reclaim may drop it as long as nobody
    /// writes it. A page that fork shares is taken too, unless the frame itself is dirty or in the swap cache: Linux relies on the other
    /// side's dirty entry to rescue it, which is not always there (<see cref="IModel.LazyFreeSparesShared"/>).
    /// </summary>
    private void MakeLazyFree(uint vma, Leaf<TArch, TModel> leaf)
    {
        Pte entry = leaf.Value;
        if (TArch.IsNone(entry, 1))
            return;
        if (!TArch.IsPresent(entry, 1))
        {
            DropSoftLeaf(vma, leaf, mm.Decode(entry));
            return;
        }

        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        if (frame == 0 || !mm.Frames.TryLock(frame))
            return; // reclaim has the folio: it is not to lose its backing now
        if (TryClean(frame))
        {
            if (TArch.IsYoung(entry) || TArch.IsDirty(entry))
                leaf.SetPresent(TArch.MakeOld(TArch.MakeClean(entry)));
            mm.Folios.Lru.MakeLazyFree(frame);
        }

        mm.Frames.Unlock(frame);
    }

    private void DropSoftLeaf(uint vma, Leaf<TArch, TModel> leaf, in SoftLeaf soft)
    {
        if (soft.Kind == SoftLeafKind.Swap)
        {
            Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].SwapEntries, -1);
            mm.Leaves.Drop(leaf, new SwapEntry(soft.Type, soft.Offset));
        }
        else if (soft.Kind == SoftLeafKind.HwPoison || (soft.Markers & PteMarkers.Poisoned) != 0)
        {
            mm.Leaves.Mark(leaf, default);
        }
    }

    /// <summary>
    /// Takes a locked frame out of the swap cache and makes it clean; false when others map it or its slot is in use. A frame that is neither
    /// cached nor dirty is clean already, whoever maps it; Linux then asks nobody.
    /// </summary>
    private bool TryClean(uint frame)
    {
        FrameFlags flags = mm.Frames.Flags(frame);
        if (!TModel.LazyFreeSparesShared && (flags & (FrameFlags.SwapCache | FrameFlags.Dirty)) == 0)
            return true;
        if (mm.Frames.FolioMappings(frame) != mm.Frames.PagesOf(frame) || ((flags & FrameFlags.SwapCache) != 0 && !mm.Swap.TryFreeSlot(frame)))
            return false;
        mm.Frames.Clear(frame, FrameFlags.Dirty);
        return true;
    }

    private void ReadAhead(uint root, ulong address)
    {
        uint table = mm.Tables.LeafTable(root, address);
        if (table == 0)
            return;
        Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
        if (TArch.IsNone(entry, 1) || TArch.IsPresent(entry, 1) || mm.Decode(entry) is not { Kind: SoftLeafKind.Swap } soft)
            return;
        var slot = new SwapEntry(soft.Type, soft.Offset);
        if (!mm.Swap.TryPinArea(slot))
            return;
        uint frame = faults.SwapIn.ReadIntoCache(slot, out _);
        if (frame != 0)
            mm.Folios.Put(frame);
        mm.Swap.UnpinArea(slot);
    }
}
