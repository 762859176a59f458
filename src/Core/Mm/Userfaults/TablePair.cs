using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>
/// The level-1 tables of two addresses, which exist, under their locks (the kernel's double_pt_lock); they may be one. Dispose it to unlock.
/// </summary>
/// <remarks>
/// The table with the lower frame number is locked first. All others that lock two tables of an address space hold its mmap_lock for
/// writing, which keeps out whoever uses this under the mmap_lock for reading, so no cycle can form.
/// </remarks>
internal readonly ref struct TablePair<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly TableGuard<TArch, TModel> first;
    private readonly TableGuard<TArch, TModel> second;

    internal TablePair(PageTables<TArch, TModel> tables, uint root, ulong one, ulong other)
    {
        uint tableOfOne = tables.LeafTable(root, one);
        uint tableOfOther = tables.LeafTable(root, other);
        bool swapped = tableOfOther < tableOfOne;
        Exists = tableOfOne != 0 && tableOfOther != 0;
        if (!Exists)
            return;
        first = swapped ? new(tables, tableOfOther, other) : new(tables, tableOfOne, one);
        if (tableOfOne != tableOfOther)
            second = swapped ? new(tables, tableOfOne, one) : new(tables, tableOfOther, other);
    }

    /// <summary>Whether there are tables for both addresses; nothing is locked otherwise.</summary>
    internal bool Exists { get; }

    /// <summary>The entry of one of the two addresses.</summary>
    internal Leaf<TArch, TModel> this[ulong address] => address >= first.First && address < first.End ? first[address] : second[address];

    /// <summary>Unlocks the tables.</summary>
    public void Dispose()
    {
        second.Dispose();
        first.Dispose();
    }
}
