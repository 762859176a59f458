using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// Swap-in of more than one page by one fault (the parts of mm/memory.c do_swap_page about large folios): a large folio that is still in the swap
/// cache is mapped as a whole, and neighbouring slots of a synchronous area are read into a large folio.
/// </summary>
/// <remarks>
/// What allows both is a run of entries that name neighbouring slots and bear the same marks, as a large folio leaves them that was
/// swapped out as a whole. The proofs of <see cref="SwapInFault{TArch, TModel}"/> hold for all entries of the run: the locked folio is
/// bound to all their slots, or all slots are pinned, and all entries are compared under the lock of their one table.
/// </remarks>
internal sealed class LargeSwapIn<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal LargeSwapIn(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// A large folio for a direct swap-in: unlocked, fresh, of the largest order that the VMA may have, whose aligned ranges of addresses and of
    /// slots belong together, are in the same state and in no cache (alloc_swap_folio). 0 when a single page is to be read.
    /// </summary>
    internal uint TryAllocate(in Fault fault, Pte expected, SwapEntry entry)
    {
        uint orders = mm.Orders.AllowedBelowHuge(mm.Vmas.FlagsOf(fault.Vma));
        if (orders == 0 || mm.Vmas[fault.Vma].Uffd != 0)
            return 0;
        orders = LargeAnonFault<TArch, TModel>.Suitable(mm.Vmas[fault.Vma].Start, mm.Vmas[fault.Vma].End, fault.Address, orders);
        orders = SuitableSlots(fault.Address, entry, orders);
        if (orders != 0)
            orders = Uniform(fault, expected, entry, orders);
        uint head = 0;
        uint owner = mm.Swap.OwnerOf(entry);
        uint group = owner != 0 ? owner : mm.GroupOf(mm.Vmas[fault.Vma].AddressSpace);
        while (orders != 0 && head == 0)
        {
            int order = FolioOrders<TArch, TModel>.LargestOf(orders);
            orders &= ~(1u << order);
            head = mm.TryAllocateLarge(group, order, zeroed: false);
        }

        return head;
    }

    /// <summary>The slot of the first page of a folio of which the fault's page has a given slot.</summary>
    internal SwapEntry FirstSlot(SwapEntry entry, uint head) => new(entry.Type, entry.Offset & ~((ulong)mm.Frames.PagesOf(head) - 1));

    /// <summary>
    /// Whether all entries around the fault's still name the slots that a large folio was read from, with the same marks; the table is locked.
    /// </summary>
    internal bool IsRun(in TableGuard<TArch, TModel> guard, in Fault fault, Pte expected, uint head)
    {
        ulong first = LargeAnonFault<TArch, TModel>.FirstOf(fault.Address, mm.Frames.OrderOf(head));
        return IsRun(guard, first, fault.Address, expected, mm.Frames.PagesOf(head));
    }

    /// <summary>
    /// Where the run of entries begins that all pages of a folio in the swap cache can be mapped by: in the VMA, in the locked table, naming the
    /// slots that the folio is bound to. 0 when there is no such run: then the one page is mapped.
    /// </summary>
    /// <param name="guard">The table.</param>
    /// <param name="fault">The fault.</param>
    /// <param name="expected">Its entry.</param>
    /// <param name="frame">The page of the folio that is bound to the entry's slot.</param>
    internal ulong RunOfCached(in TableGuard<TArch, TModel> guard, in Fault fault, Pte expected, uint frame)
    {
        if (!mm.Frames.IsLarge(frame))
            return 0;
        uint head = mm.Frames.HeadOf(frame);
        ulong before = (ulong)(frame - head) << TArch.PageShift;
        ulong length = (ulong)mm.Frames.PagesOf(head) << TArch.PageShift;
        ulong start = Math.Max(guard.First, mm.Vmas[fault.Vma].Start);
        ulong end = Math.Min(guard.End, mm.Vmas[fault.Vma].End);
        if (fault.Address - start < before || end - fault.Address < length - before)
            return 0;
        ulong first = fault.Address - before;
        return IsRun(guard, first, fault.Address, expected, mm.Frames.PagesOf(head)) ? first : 0;
    }

    /// <summary>Puts the entries of a run, of which the one for the folio's first page is given.</summary>
    internal void Resolve(in TableGuard<TArch, TModel> guard, ulong first, uint pages, Pte entry)
    {
        for (uint page = 0; page < pages; page++, entry = TArch.Advance(entry, 1, 1))
            mm.Leaves.Resolve(guard[first + ((ulong)page << TArch.PageShift)], entry);
    }

    private static uint SuitableSlots(ulong address, SwapEntry entry, uint orders)
    {
        for (uint left = orders; left != 0;)
        {
            int order = FolioOrders<TArch, TModel>.LargestOf(left);
            left &= ~(1u << order);
            if ((((address >> TArch.PageShift) ^ entry.Offset) & ((1UL << order) - 1)) != 0)
                orders &= ~(1u << order);
        }

        return orders;
    }

    /// <summary>The orders from the largest on whose run of entries can be read as one folio (can_swapin_thp).</summary>
    private uint Uniform(in Fault fault, Pte expected, SwapEntry entry, uint orders)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        if (guard.Table == 0)
            return 0;
        while (orders != 0)
        {
            int order = FolioOrders<TArch, TModel>.LargestOf(orders);
            ulong first = LargeAnonFault<TArch, TModel>.FirstOf(fault.Address, order);
            ulong slot = entry.Offset & ~((1UL << order) - 1);
            if (IsRun(guard, first, fault.Address, expected, 1u << order) && AreAlike(entry.Type, slot, 1u << order))
                break;
            orders &= ~(1u << order);
        }

        return orders;
    }

    /// <summary>Whether slots are all known to be zero or none is, and no folio is bound to any: a page in the cache may be newer.</summary>
    private bool AreAlike(uint type, ulong first, uint slots)
    {
        bool zero = mm.Swap.Map[new SwapEntry(type, first)].IsZero;
        for (uint slot = 0; slot < slots; slot++)
        {
            SwapSlotWord word = mm.Swap.Map[new SwapEntry(type, first + slot)];
            if (word.IsCached || word.IsZero != zero)
                return false;
        }

        return true;
    }

    /// <summary>Whether the entries from an address on are the fault's, each with the slot that its distance demands (swap_pte_batch).</summary>
    private bool IsRun(in TableGuard<TArch, TModel> guard, ulong first, ulong address, Pte expected, uint pages)
    {
        SoftLeaf middle = mm.Decode(expected);
        ulong distance = (address - first) >> TArch.PageShift;
        if (middle.Offset < distance)
            return false;
        for (uint page = 0; page < pages; page++)
        {
            Pte value = guard[first + ((ulong)page << TArch.PageShift)].Value;
            if (TArch.IsNone(value, 1) || TArch.IsPresent(value, 1))
                return false;
            SoftLeaf soft = mm.Decode(value);
            if (soft != SoftLeaf.OfSwap(middle.Type, middle.Offset - distance + page, middle.Marks))
                return false;
        }

        return true;
    }
}
