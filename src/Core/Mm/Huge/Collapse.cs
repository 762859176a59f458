using System.Buffers;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>MADV_COLLAPSE: copies the base pages of a range into a huge page, now (mm/khugepaged.c).</summary>
/// <remarks>
/// Under the mmap_lock for writing, so no fault, fork or move is on its way; under the lock of the anon_vma root no reclaim is. Swapped
/// pages are brought in first. Then each entry is cleared before the references of its page are counted: somebody without locks who holds
/// the page is seen, or sees the entry gone.
/// </remarks>
public sealed class Collapse<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;
    private readonly TableReclaimer<TArch, TModel> tables;

    /// <summary>Makes the operation of a machine.</summary>
    public Collapse(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.faults = faults;
        tables = new TableReclaimer<TArch, TModel>(mm);
    }

    /// <summary>Collapses every huge page that lies wholly in [start, end).</summary>
    /// <returns>
    /// Ok, also when none does but the range begins right where one could end; Invalid when a VMA or a page does not allow it; Again when a page
    /// is in use or has to be read first; NoMemory.
    /// </returns>
    public MmResult Apply(uint space, ulong start, ulong end)
    {
        var visitor = new Visitor(this);
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        return VmaPieces<TModel>.Walk(mm.Vmas, space, start, end, ref visitor);
    }

    private MmResult CollapsePiece(uint vma, ulong start, ulong end)
    {
        ulong span = HugePages<TArch, TModel>.Span;
        bool suitable = (mm.Vmas.FlagsOf(vma) & VmaFlags.NoHugePage) == 0 && mm.Vmas[vma].SharedObject == 0 && mm.Vmas.AnonVmaOf(vma) != 0;
        if (!suitable || AlignUp(mm.Vmas[vma].Start) + span > mm.Vmas[vma].End)
            return MmResult.Invalid;
        ulong first = AlignUp(start);
        ulong last = end & ~(span - 1);
        if (last < first)
            return MmResult.Invalid;
        MmResult result = MmResult.Ok;
        for (; first < last && result == MmResult.Ok; first += span)
            result = CollapseOne(vma, first);
        return result;
    }

    private bool IsMoving(uint root, ulong address)
    {
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        return guard.IsMigration;
    }

    private static ulong AlignUp(ulong address) => (address + HugePages<TArch, TModel>.Span - 1) & ~(HugePages<TArch, TModel>.Span - 1);

    private MmResult CollapseOne(uint vma, ulong address)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        if (mm.Huge.IsMapped(root, address))
            return IsMoving(root, address) ? MmResult.Invalid : MmResult.Ok;
        uint table = mm.Tables.LeafTable(root, address);
        if (table == 0)
            return MmResult.Invalid;
        MmResult ready = Scan(vma, root, address);
        if (ready == MmResult.Ok)
            ready = BringIn(vma, root, address);
        if (ready != MmResult.Ok)
            return ready;
        uint head = mm.TryAllocateLarge(mm.Vmas[vma].AddressSpace);
        if (head == 0)
            return MmResult.NoMemory;
        uint anonVma = mm.Vmas.AnonVmaOf(vma);
        mm.ReverseMap.LockAnonVma(anonVma);
        bool moved = TryMovePages(vma, root, address, head);
        if (moved)
            Install(vma, address, head, table);
        mm.ReverseMap.Unlock(anonVma);
        if (moved)
            return MmResult.Ok;
        mm.Folios.Put(head);
        return MmResult.Again;
    }

    /// <summary>
    /// Whether the entries allow it as they are (hpage_collapse_scan_pmd): the first that does not decides. A userfaultfd wants to hear of every page
    /// that appears, so nothing may appear where none is.
    /// </summary>
    private MmResult Scan(uint vma, uint root, ulong first)
    {
        bool armed = mm.Vmas[vma].Uffd != 0; // in any mode
        for (uint page = 0; page < HugePages<TArch, TModel>.Pages; page++)
        {
            Pte entry = Load(root, first + ((ulong)page << TArch.PageShift));
            bool none = TArch.IsNone(entry, 1);
            if (!none && !TArch.IsPresent(entry, 1))
            {
                if (mm.Decode(entry).IsUffdWp)
                    return MmResult.Invalid;
                continue;
            }

            uint frame = none ? 0 : MmContext<TArch, TModel>.NormalFrame(entry);
            if (frame == 0 && armed)
                return MmResult.Busy;
            if (frame != 0 && TArch.IsUffdWp(entry))
                return MmResult.Invalid;
            if (!IsUnused(frame))
                return MmResult.Again;
        }

        return MmResult.Ok;
    }

    /// <summary>
    /// Swapped pages come back as by a load; a page that has to be read from an asynchronous device is waited for by the next attempt.
    /// </summary>
    private MmResult BringIn(uint vma, uint root, ulong first)
    {
        for (uint page = 0; page < HugePages<TArch, TModel>.Pages; page++)
        {
            ulong address = first + ((ulong)page << TArch.PageShift);
            Pte entry = LoadAtRest(root, address);
            if (TArch.IsNone(entry, 1))
                continue;
            if (TArch.IsPresent(entry, 1))
            {
                if (TArch.IsUffdWp(entry))
                    return MmResult.Invalid;
                continue;
            }

            SoftLeaf soft = mm.Decode(entry);
            if (soft.Kind != SoftLeafKind.Swap || soft.IsUffdWp)
                return MmResult.Invalid;
            FaultResult result = faults.SwapIn.Handle(new Fault(vma, root, address, FaultFlags.AllowRetry), entry, soft);
            if ((result & FaultResult.OutOfMemory) != 0)
                return MmResult.NoMemory;
            if ((result & FaultResult.Error) != 0)
                return MmResult.Invalid;
            if ((result & FaultResult.Retry) != 0 || !TArch.IsPresent(Load(root, address), 1))
                return MmResult.Again;
        }

        return MmResult.Ok;
    }

    /// <summary>The entry of an address; a page that is under way to another frame is waited for.</summary>
    private Pte LoadAtRest(uint root, ulong address)
    {
        Pte entry = Load(root, address);
        while (mm.Decode(entry).IsMigration)
        {
            new MigrationWait<TArch, TModel>(mm).Wait(root, address);
            entry = Load(root, address);
        }

        return entry;
    }

    private Pte Load(uint root, ulong address)
    {
        uint table = mm.Tables.LeafTable(root, address);
        return table == 0 ? default : PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
    }

    /// <summary>Clears the entries, copies the pages and gives them up; puts everything back when a page is used by somebody else.</summary>
    private bool TryMovePages(uint vma, uint root, ulong first, uint head)
    {
        int pages = (int)HugePages<TArch, TModel>.Pages;
        Pte[] entries = ArrayPool<Pte>.Shared.Rent(pages);
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, first);
        int count = 0;
        bool done = guard.Table != 0;
        if (TModel.CollapseLeavesEntries && done)
            tables.Unlink(mm.Vmas[vma].AddressSpace, first);
        for (; count < pages && done; count++)
        {
            Leaf<TArch, TModel> leaf = guard[first + ((ulong)count << TArch.PageShift)];
            entries[count] = leaf.Value;
            if (TArch.IsNone(leaf.Value, 1))
                continue;
            done = TArch.IsPresent(leaf.Value, 1); // reclaim may have taken it since it was brought in
            if (!done)
                continue;
            uint frame = MmContext<TArch, TModel>.NormalFrame(TModel.CollapseLeavesEntries ? leaf.Value : leaf.ClearPresent());
            done = frame == 0 || (IsUnused(frame) && !(mm.Frames.Has(frame, FrameFlags.Ksm) && Maps(entries.AsSpan(0, count), frame)));
        }

        for (int page = 0; page < count; page++)
        {
            if (TArch.IsNone(entries[page], 1) || !TArch.IsPresent(entries[page], 1))
                continue;
            Leaf<TArch, TModel> leaf = guard[first + ((ulong)page << TArch.PageShift)];
            if (done && TModel.CollapseLeavesEntries)
                leaf.ClearPresent();
            if (done)
                GiveUp(vma, MmContext<TArch, TModel>.NormalFrame(entries[page]), head + (uint)page);
            else if (!TModel.CollapseLeavesEntries)
                mm.Leaves.Publish(leaf, entries[page]);
        }

        if (TModel.CollapseLeavesEntries && guard.Table != 0 && !done)
            tables.Relink(mm.Vmas[vma].AddressSpace, first, guard.Table);
        ArrayPool<Pte>.Shared.Return(entries);
        return done;
    }

    /// <summary>
    /// Whether one of the entries maps a frame. A merged page can be met twice: the kernel has taken it off its list by then, and gives up.
    /// </summary>
    private static bool Maps(ReadOnlySpan<Pte> entries, uint frame)
    {
        foreach (Pte entry in entries)
        {
            if (!TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) && MmContext<TArch, TModel>.NormalFrame(entry) == frame)
                return true;
        }

        return false;
    }

    /// <summary>Whether only page tables and the swap cache refer to the folio of a page (is_refcount_suitable).</summary>
    private bool IsUnused(uint frame)
    {
        if (frame == 0)
            return true;
        uint cache = mm.Frames.Has(frame, FrameFlags.SwapCache) ? mm.Frames.PagesOf(frame) : 0;
        return mm.Frames.Has(frame, FrameFlags.Anon) && mm.Frames.References(frame) == mm.Frames.FolioMappings(frame) + cache;
    }

    private void GiveUp(uint vma, uint frame, uint target)
    {
        if (frame == 0)
            return; // the target is zero already
        mm.CopyPageFor(vma, frame, target);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, -1);
        mm.Rmap.Remove(frame, vma);
        mm.FreeSwapCache(frame);
        mm.Folios.Put(frame);
    }

    /// <summary>The emptied table becomes the spare one of the huge leaf that takes its place.</summary>
    private void Install(uint vma, ulong address, uint head, uint table)
    {
        uint space = mm.Vmas[vma].AddressSpace;
        uint root = mm.Spaces[space].Root;
        if (!TModel.CollapseLeavesEntries)
            tables.Unlink(space, address);
        tables.WaitForReaders(space);
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        Pte leaf = mm.Huge.Adopt(head, vma, address);
        if (!mm.Huge.TryInstall(guard.Table, address, leaf, table))
            throw new CorruptImageException("page-table entry", $"{address:x} was mapped although the address space is locked");
        mm.Folios.Lru.Add(head);
    }

    private readonly struct Visitor(Collapse<TArch, TModel> owner) : IVmaPieceVisitor
    {
        public MmResult Visit(uint vma, ulong start, ulong end) => owner.CollapsePiece(vma, start, end);
    }
}
