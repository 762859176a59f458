using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>Moves whole level-2 entries: huge leaves, and tables with all that they hold (mm/mremap.c move_huge_pmd, move_normal_pmd).</summary>
/// <remarks>
/// The caller holds the mmap_lock for writing and the lock of the anon_vma root. The old and the new place may lie in different tables; no
/// other pair of level-2 tables is locked in this address space meanwhile.
/// </remarks>
internal sealed class HugeMover<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal HugeMover(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// Moves what the level-2 entry of an address holds, if the range from there covers it and the new place is aligned and empty. A huge leaf
    /// that cannot be moved is split. Whether it was moved: if not, the entries below have to be.
    /// </summary>
    internal bool TryMove(uint vma, uint root, ulong oldAddress, ulong newAddress, ulong length, bool dropUffd)
    {
        uint source = mm.Tables.MiddleTable(root, oldAddress);
        if (source == 0 || TArch.IsNone(PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(source, oldAddress, 2)), 2))
            return false;
        ulong span = HugePages<TArch, TModel>.Span;
        bool aligned = ((oldAddress | newAddress) & (span - 1)) == 0 && length >= span;
        uint target = aligned ? mm.Tables.TryEnsureMiddleTable(root, newAddress) : 0;
        if (target != 0 && TryMoveEntry(root, source, target, oldAddress, newAddress, dropUffd))
            return true;
        mm.Huge.SplitLeaf(vma, oldAddress);
        return false;
    }

    private bool TryMoveEntry(uint root, uint source, uint target, ulong oldAddress, ulong newAddress, bool dropUffd)
    {
        using var from = new HugeGuard<TArch, TModel>(mm.Tables, source, oldAddress);
        using HugeGuard<TArch, TModel> second = source == target ? default : new HugeGuard<TArch, TModel>(mm.Tables, target, newAddress);
        Pte entry = from.Value;
        if (!TArch.IsNone(PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(target, newAddress, 2)), 2))
            return false;
        if (TArch.IsLeaf(entry, 2))
        {
            Pte leaf = dropUffd ? TArch.ClearUffdWp(entry) : entry;
            return TryMoveLeaf(root, source, target, oldAddress, newAddress, TArch.MakeSoftDirty(leaf));
        }

        if (HugePages<TArch, TModel>.IsMigration(entry))
        {
            Pte moving = dropUffd ? TArch.ClearSwapUffdWp(entry) : entry;
            return TryMoveLeaf(root, source, target, oldAddress, newAddress, TArch.MakeSwapSoftDirty(moving));
        }

        uint table = mm.Tables.TableBelow(entry);
        if (table == 0 || dropUffd || !mm.Leaves.TryMoveTable(table, oldAddress, newAddress))
            return false; // marks of each entry have to be cleared, or what is kept of each page under its address has to move
        mm.Tables.Empty(root, source, oldAddress);
        mm.Tables.Place(table, newAddress);
        return mm.Tables.TryFill(target, newAddress, entry);
    }

    private bool TryMoveLeaf(uint root, uint source, uint target, ulong oldAddress, ulong newAddress, Pte leaf)
    {
        uint spare = mm.Tables.TakeSpare(source);
        mm.Tables.Empty(root, source, oldAddress);
        return mm.Huge.TryInstall(target, newAddress, leaf, spare);
    }
}
