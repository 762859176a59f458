using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// The first store to memory that may have large folios smaller than a huge page (mm/memory.c alloc_anon_folio): a folio of the largest
/// order that fits is mapped by as many entries.
/// </summary>
/// <remarks>
/// An order fits when its aligned range lies in the VMA and nothing is in any of its entries. That is looked at without the lock to choose the order,
/// and again under it before the folio is mapped. Where no folio of an order can be had, lower ones are tried; in the end one page will do.
/// Memory watched by userfaultfd gets single pages, because its pages are waited for one by one.
/// </remarks>
internal sealed class LargeAnonFault<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal LargeAnonFault(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// Handles a store to a missing page with a large folio; false when a single page is to be mapped. Also true when somebody else was
    /// faster: the access looks again. The VMA has an anon_vma.
    /// </summary>
    internal bool TryHandle(in Fault fault, VmaFlags vmaFlags)
    {
        uint orders = mm.Orders.AllowedBelowHuge(vmaFlags);
        if (orders == 0 || mm.Vmas[fault.Vma].Uffd != 0)
            return false;
        orders = Suitable(mm.Vmas[fault.Vma].Start, mm.Vmas[fault.Vma].End, fault.Address, orders);
        uint table = orders == 0 ? 0 : mm.Tables.TryEnsureLeafTable(fault.Root, fault.Address);
        if (table == 0)
            return false; // the single page's way finds out why
        orders = Empty(table, fault.Address, orders);
        uint head = TryAllocate(mm.GroupOf(mm.Vmas[fault.Vma].AddressSpace), orders, out int order);
        if (head == 0)
            return false;
        if (!TryMap(fault, vmaFlags, head, order))
            mm.Folios.Put(head);
        return true;
    }

    /// <summary>First address of the aligned range of an order that an address lies in.</summary>
    internal static ulong FirstOf(ulong address, int order) => address & ~((1UL << (order + TArch.PageShift)) - 1);

    /// <summary>The orders of a set whose aligned range around an address lies in a VMA (thp_vma_suitable_orders).</summary>
    internal static uint Suitable(ulong start, ulong end, ulong address, uint orders)
    {
        for (uint left = orders; left != 0;)
        {
            int order = FolioOrders<TArch, TModel>.LargestOf(left);
            left &= ~(1u << order);
            ulong first = FirstOf(address, order);
            if (first < start || end - first < 1UL << (order + TArch.PageShift))
                orders &= ~(1u << order);
        }

        return orders;
    }

    /// <summary>
    /// The orders of a set from the largest on whose entries are all empty: the range of a smaller one lies in that of a larger one.
    /// </summary>
    private uint Empty(uint table, ulong address, uint orders)
    {
        while (orders != 0)
        {
            int order = FolioOrders<TArch, TModel>.LargestOf(orders);
            if (IsEmpty(table, FirstOf(address, order), 1u << order))
                break;
            orders &= ~(1u << order);
        }

        return orders;
    }

    private bool IsEmpty(uint table, ulong first, uint pages)
    {
        for (uint page = 0; page < pages; page++)
        {
            ref ulong word = ref mm.Tables.Entry(table, first + ((ulong)page << TArch.PageShift));
            if (!TArch.IsNone(PageTables<TArch, TModel>.Load(ref word), 1))
                return false;
        }

        return true;
    }

    private uint TryAllocate(uint group, uint orders, out int order)
    {
        uint head = 0;
        order = 0;
        while (orders != 0 && head == 0)
        {
            order = FolioOrders<TArch, TModel>.LargestOf(orders);
            orders &= ~(1u << order);
            head = mm.TryAllocateLarge(group, order, zeroed: true);
        }

        return head;
    }

    private bool TryMap(in Fault fault, VmaFlags vmaFlags, uint head, int order)
    {
        ulong first = FirstOf(fault.Address, order);
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, first);
        if (guard.Table == 0 || !IsEmpty(guard.Table, first, 1u << order))
            return false;
        mm.Frames.Set(head, FrameFlags.Uptodate | FrameFlags.SwapBacked);
        mm.Rmap.AddNewPages(head, fault.Vma, first, exclusive: true);
        mm.Rmap.LockInMemory(head, fault.Vma);
        mm.Folios.Lru.Add(head);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace].AnonPages, 1L << order);

        Pte entry = TArch.MakeLeaf(head, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1);
        if ((vmaFlags & VmaFlags.Write) != 0)
            entry = TArch.MakeWritable(TArch.MakeDirty(entry));
        for (uint page = 0; page < 1u << order; page++, entry = TArch.Advance(entry, 1, 1))
            mm.Leaves.Publish(guard[first + ((ulong)page << TArch.PageShift)], entry);
        return true;
    }
}
