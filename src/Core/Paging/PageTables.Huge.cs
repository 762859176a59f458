using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>
/// Tables of level 2 and the huge leaves in them. A huge leaf changes under the lock of its table, and beside it lies a spare level-1 table,
/// so that the leaf can always be taken apart (the kernel's deposited page table).
/// </content>
public sealed partial class PageTables<TArch, TModel>
{
    /// <summary>The level-2 table that covers an address, 0 when there is none.</summary>
    public uint MiddleTable(uint root, ulong virtualAddress)
    {
        uint table = root;
        if (TArch.Levels >= 5 && !TryDescend(ref table, virtualAddress, 5))
            return 0;
        return TryDescend(ref table, virtualAddress, 4) && TryDescend(ref table, virtualAddress, 3) ? table : 0;
    }

    /// <summary>The level-2 table that covers an address, made if need be; 0 when RAM is exhausted.</summary>
    public uint TryEnsureMiddleTable(uint root, ulong virtualAddress)
    {
        uint table = MiddleTable(root, virtualAddress);
        return table != 0 ? table : EnsureTable(root, virtualAddress, 2, out _, out _);
    }

    /// <summary>A level-1 table in no tree, to be given to <see cref="PutAside"/> or <see cref="FreeSpare"/>; 0 when RAM is exhausted.</summary>
    internal uint TryCreateSpare(uint addressSpace) => TryCreateTable(addressSpace, 1, 0);

    /// <summary>Frees a table that is in no tree.</summary>
    internal void FreeSpare(uint table) => FreeTable(table);

    /// <summary>Keeps a spare table with a locked level-2 table.</summary>
    internal void PutAside(uint middle, uint table)
    {
        folios.Table[table].LruNext = folios.Table[middle].LruNext;
        folios.Table[middle].LruNext = table;
    }

    /// <summary>Takes a spare table from a locked level-2 table.</summary>
    /// <exception cref="CorruptImageException">There is none although there is a huge leaf.</exception>
    internal uint TakeSpare(uint middle)
    {
        uint table = folios.Table[middle].LruNext;
        if (table == 0)
            throw new CorruptImageException($"Frame {middle}: LruNext", "a table has a huge leaf and no spare table for it");
        folios.Table[middle].LruNext = folios.Table[table].LruNext;
        folios.Table[table].LruNext = 0;
        return table;
    }

    /// <summary>Puts an entry where nothing is; false when somebody was faster (with a table, who needs no lock).</summary>
    internal bool TryFill(uint middle, ulong virtualAddress, Pte entry)
    {
        if (!TryReplace(ref Entry(middle, virtualAddress, 2), entry, default))
            return false;
        Atomic<TModel>.Add(ref folios.Table[middle].Count, 1);
        return true;
    }

    /// <summary>Removes a huge leaf, or a table that stays its caller's, and counts one entry less.</summary>
    internal void Empty(uint root, uint middle, ulong virtualAddress) => Detach(root, middle, ref Entry(middle, virtualAddress, 2));

    /// <summary>Says of a table which address it covers first: it is about to be put there.</summary>
    internal void Place(uint table, ulong virtualAddress) =>
        folios.Table[table].Index = virtualAddress & ~((1UL << TArch.LevelShift(2)) - 1);

    /// <summary>The table that a level-2 entry points to, 0 when it is none.</summary>
    internal uint TableBelow(Pte entry) => TArch.IsTable(entry, 2) ? TableFrame(entry) : 0;
}
