using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <content>Faults that bring in all pages of a large folio.</content>
public sealed partial class SwapInFault<TArch, TModel>
{
    private readonly LargeSwapIn<TArch, TModel> large;

    /// <summary>
    /// As HandleDirect with a large folio; false when the single page is to be read. Protected by (b) for all its slots, which are pinned from before
    /// the read until after the table is unlocked.
    /// </summary>
    private bool TryHandleDirectLarge(in Fault fault, Pte expected, SwapEntry entry, out FaultResult result)
    {
        result = FaultResult.None;
        uint head = large.TryAllocate(fault, expected, entry);
        if (head == 0)
            return false;
        uint pages = mm.Frames.PagesOf(head);
        SwapEntry first = large.FirstSlot(entry, head);
        if (TModel.DirectSwapIn != DirectSwapIn.NoPin && mm.Swap.TryPinSlots(first, pages, out SwapEntry inTheWay) != SwapResult.Ok)
        {
            mm.Swap.WaitWhilePinned(inTheWay); // somebody else brings that page in, or all of them; the access is tried again after
            mm.Folios.Put(head);
            return true;
        }

        mm.Frames.Lock(head);
        mm.Frames.Set(head, FrameFlags.SwapBacked);
        mm.Swap.NoteDirectRead(first, head);
        mm.Folios.Lru.Add(head);
        mm.Swap.ReadLarge(first, head);
        result = MapLargeLocked(fault, expected, first, head) | FaultResult.Major;
        if (TModel.DirectSwapIn != DirectSwapIn.NoPin)
            mm.Swap.UnpinSlots(first, pages);
        return true;
    }

    /// <summary>As MapLocked for a large folio that is in no cache. Consumes its reference and its lock.</summary>
    private FaultResult MapLargeLocked(in Fault fault, Pte expected, SwapEntry first, uint head)
    {
        PendingCopy copy;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address))
        {
            bool unchanged = guard.Table != 0 && guard[fault.Address].Value == expected && large.IsRun(guard, fault, expected, head);
            if (!unchanged || !mm.Frames.Has(head, FrameFlags.Uptodate))
            {
                mm.Frames.Unlock(head);
                mm.Folios.Put(head);
                return unchanged ? FaultResult.BusError : FaultResult.None;
            }

            uint pages = mm.Frames.PagesOf(head);
            ulong start = LargeAnonFault<TArch, TModel>.FirstOf(fault.Address, mm.Frames.OrderOf(head));
            bool write = fault.HasAny(FaultFlags.Write);
            BeginResolve(fault, first, head, pages);
            Pte entry = BuildEntry(fault, expected, head, exclusive: true, ref write);
            mm.Rmap.AddNewPages(head, fault.Vma, start, exclusive: true);
            large.Resolve(guard, start, pages, entry);
            mm.Frames.Unlock(head);
            if (!write || writeProtect.TryReuse(fault, guard[fault.Address], out copy))
                return FaultResult.None;
        }

        return writeProtect.FinishCopy(fault, copy);
    }

    /// <summary>As Map for all pages of a large folio in the swap cache, which a run of entries names.</summary>
    private bool MapRun(in TableGuard<TArch, TModel> guard, ulong start, in Fault fault, Pte old, SwapEntry entry, uint frame)
    {
        uint head = mm.Frames.HeadOf(frame);
        uint pages = mm.Frames.PagesOf(head);
        bool write = fault.HasAny(FaultFlags.Write);
        bool exclusive = IsExclusive(old, entry, frame, frame);
        BeginResolve(fault, new SwapEntry(entry.Type, entry.Offset - (frame - head)), head, pages);
        if (ShouldFreeSlot(fault, entry, frame, write, exclusive))
            mm.Swap.TryFreeSlot(frame);
        exclusive = exclusive || IsAlone(frame, frame, write);
        Pte present = BuildEntry(fault, old, head, exclusive, ref write);
        mm.Frames.Get(head, (int)pages - 1);
        for (uint page = 0; page < pages; page++)
            mm.Rmap.Add(head + page, fault.Vma, exclusive);
        large.Resolve(guard, start, pages, present);
        return write;
    }

    private void BeginResolve(in Fault fault, SwapEntry first, uint head, uint pages)
    {
        for (uint page = 0; page < pages; page++)
            mm.Leaves.BeginResolve(new SwapEntry(first.Type, first.Offset + page), head + page);
        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        Atomic<TModel>.Add(ref space.AnonPages, pages);
        Atomic<TModel>.Add(ref space.SwapEntries, -(long)pages);
    }
}
