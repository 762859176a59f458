using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// What MADV_COLD, FREE and PAGEOUT do with large folios: one that nobody else maps is split if the range does not cover all of it, one that is
/// shared is left alone (mm/madvise.c, the parts about pmd_trans_huge and folio_test_large).
/// </summary>
/// <remarks>The caller holds the mmap_lock.</remarks>
public sealed class HugeAdvice<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FolioSplitter<TArch, TModel> splitter;

    /// <summary>Makes the operations of a machine.</summary>
    public HugeAdvice(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    /// <summary>Splits the large folios that only this address space maps and that the range maps in part.</summary>
    public void SplitPartial(uint vma, ulong start, ulong end)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        uint last = 0;
        for (ulong address = start; address < end;)
        {
            uint head = Find(root, start, end, ref address, last, out bool whole);
            if (head == 0)
                continue;
            last = head;
            if (!whole && mm.Frames.Large.IsMappedByOne(head) && mm.Frames.TryLock(head))
            {
                splitter.TrySplit(head);
                mm.Frames.Unlock(head);
            }

            mm.Folios.Put(head);
        }
    }

    /// <summary>Takes a reference to the folio that a huge leaf maps and that nobody else maps; 0 when there is none to be reclaimed.</summary>
    /// <param name="root">Root table of the address space.</param>
    /// <param name="start">First address of the range.</param>
    /// <param name="end">First address behind it.</param>
    /// <param name="isLeaf">Whether there is a huge leaf.</param>
    public uint TakeForReclaim(uint root, ulong start, ulong end, out bool isLeaf)
    {
        isLeaf = false;
        if (!mm.Huge.IsMapped(root, start))
            return 0;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, start);
        isLeaf = guard.IsLeaf;
        if (!isLeaf || !HugePages<TArch, TModel>.IsWhole(start, start, end) || !CanReclaim(guard.Head))
            return 0;
        mm.Frames.Get(guard.Head);
        return guard.Head;
    }

    /// <summary>
    /// Whether the entries of a locked table from an address on map all of a large folio, nobody else maps any of it, and reclaim may have it.
    /// </summary>
    public bool CanReclaimMapped(in TableGuard<TArch, TModel> guard, ulong address, ulong end, uint head) =>
        mm.Frames.FolioMappings(head) == mm.Frames.PagesOf(head) && IsWholeRun(guard, address, end, mm.Frames, head) && CanReclaim(head);

    /// <summary>
    /// Whether the page at an address may be given advice: of a large folio, which is still one because it is shared or busy, only together with
    /// all its other pages.
    /// </summary>
    /// <param name="guard">The table, locked.</param>
    /// <param name="address">The address; it ascends from call to call.</param>
    /// <param name="end">End of the range in this table.</param>
    /// <param name="frames">Frame records.</param>
    /// <param name="whole">The folio that was last seen to be in the range with all its pages; 0 at first.</param>
    internal static bool MayChange(in TableGuard<TArch, TModel> guard, ulong address, ulong end, FrameTable<TModel> frames, ref uint whole)
    {
        uint frame = PresentFrame(guard[address].Value);
        if (frame == 0 || !frames.IsLarge(frame))
            return true;
        uint head = frames.HeadOf(frame);
        if (head == frame && IsWholeRun(guard, address, end, frames, head))
            whole = head;
        return head == whole;
    }

    /// <summary>MADV_COLD and MADV_FREE for a huge leaf; false when there is none at the address.</summary>
    internal bool TryDeactivate(uint vma, ulong start, ulong end, bool lazyFree)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        if (!mm.Huge.IsMapped(root, start))
            return false;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, start);
        if (!guard.IsLeaf)
            return false;
        uint head = guard.Head;
        if (head == 0 || !HugePages<TArch, TModel>.IsWhole(start, start, end) || !mm.Frames.Large.IsMappedByOne(head))
            return true;
        if (lazyFree)
        {
            MakeLazyFree(guard, head);
            return true;
        }

        guard.Set(TArch.MakeOld(guard.Value));
        mm.Frames.Clear(head, FrameFlags.Referenced);
        mm.Folios.Lru.Deactivate(head);
        return true;
    }

    private void MakeLazyFree(in HugeGuard<TArch, TModel> guard, uint head)
    {
        if (!mm.Frames.TryLock(head))
            return;
        mm.Frames.Clear(head, FrameFlags.Dirty);
        mm.Frames.Unlock(head);
        guard.Set(TArch.MakeOld(TArch.MakeClean(guard.Value)));
        mm.Folios.Lru.MakeLazyFree(head);
    }

    private bool CanReclaim(uint head)
    {
        if (head == 0 || (mm.Frames.Flags(head) & (FrameFlags.Lru | FrameFlags.Unevictable)) != FrameFlags.Lru)
            return false;
        if (!mm.Frames.Large.IsMappedByOne(head))
            return false;
        mm.Frames.Clear(head, FrameFlags.Referenced);
        return true;
    }

    /// <summary>
    /// Moves an address on to the first page of another large folio than the last one; returns that folio with a reference, 0 when the table
    /// or the range ends before.
    /// </summary>
    private uint Find(uint root, ulong start, ulong end, ref ulong address, uint last, out bool whole)
    {
        ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
        using (HugeGuard<TArch, TModel> huge = mm.Huge.Lock(root, address))
        {
            whole = HugePages<TArch, TModel>.IsWhole(address, start, end);
            uint head = huge.IsLeaf ? huge.Head : 0;
            if (huge.IsLeaf)
                address = stop;
            if (head != 0 && head != last)
            {
                mm.Frames.Get(head);
                return head;
            }
        }

        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address < stop ? address : stop - 1);
        if (guard.Table == 0)
            address = stop;
        for (; address < stop; address += 1UL << TArch.PageShift)
        {
            uint frame = PresentFrame(guard[address].Value);
            if (frame == 0 || !mm.Frames.IsLarge(frame) || mm.Frames.HeadOf(frame) == last)
                continue;
            uint head = mm.Frames.HeadOf(frame);
            whole = IsWholeRun(guard, address, end, mm.Frames, head);
            mm.Frames.Get(head);
            return head;
        }

        return 0;
    }

    private static uint PresentFrame(Pte entry) =>
        TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) ? 0 : MmContext<TArch, TModel>.NormalFrame(entry);

    /// <summary>Whether the entries from an address on map all pages of a folio, in one table and inside the range.</summary>
    internal static bool IsWholeRun(in TableGuard<TArch, TModel> guard, ulong address, ulong end, FrameTable<TModel> frames, uint head)
    {
        uint pages = frames.PagesOf(head);
        if (Math.Min(end, guard.End) - address < (ulong)pages << TArch.PageShift)
            return false;
        for (uint page = 0; page < pages; page++)
        {
            if (PresentFrame(guard[address + ((ulong)page << TArch.PageShift)].Value) != head + page)
                return false;
        }

        return true;
    }
}
