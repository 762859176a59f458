using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Leaves;

/// <summary>
/// A level-1 table under its lock (the kernel's pte_offset_map_lock … pte_unmap_unlock). Dispose it to unlock.
/// </summary>
public readonly ref struct TableGuard<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly PageTables<TArch, TModel> tables;

    internal TableGuard(PageTables<TArch, TModel> tables, uint table, ulong virtualAddress)
    {
        this.tables = tables;
        Table = table;
        First = virtualAddress & ~((1UL << TArch.LevelShift(2)) - 1);
        tables.Lock(table);
    }

    /// <summary>Frame of the table; 0 when there is none to lock.</summary>
    public uint Table { get; }

    /// <summary>First virtual address that the table covers.</summary>
    public ulong First { get; }

    /// <summary>First virtual address behind those that the table covers.</summary>
    public ulong End => First + (1UL << TArch.LevelShift(2));

    /// <summary>The entry of an address in [<see cref="First"/>, <see cref="End"/>).</summary>
    public Leaf<TArch, TModel> this[ulong virtualAddress] => new(ref tables.Entry(Table, virtualAddress), virtualAddress);

    /// <summary>Unlocks the table, if there is one.</summary>
    /// <exception cref="InvalidOperationException">Checked models: an <see cref="Unmapping{TArch, TModel}"/> is still open.</exception>
    public void Dispose()
    {
        if (Table == 0)
            return;
        if (TModel.Checked)
            OpenUnmappings.AssertNone();
        tables.Unlock(Table);
    }
}
