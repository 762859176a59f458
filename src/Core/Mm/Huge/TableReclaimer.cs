using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// Frees level-1 tables that MADV_DONTNEED emptied as a whole (CONFIG_PT_RECLAIM, mm/pt_reclaim.c), so that their ranges can have huge pages
/// again.
/// </summary>
internal sealed class TableReclaimer<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal TableReclaimer(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// Frees the empty tables that lie wholly in [start, end) and in one private VMA. Takes the mmap_lock for writing if there may be any.
    /// </summary>
    internal void FreeEmptyTables(uint space, ulong start, ulong end)
    {
        ulong span = HugePages<TArch, TModel>.Span;
        ulong first = (start + span - 1) & ~(span - 1);
        if (first < start || first >= end || end - first < span)
            return;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        for (; first < end && end - first >= span; first += span)
            FreeIfEmpty(space, first);
    }

    /// <summary>
    /// Takes a level-1 table out of the tree and returns it when nobody can be on the way to it any more. The caller holds the mmap_lock for
    /// writing and the lock of the VMA's anon_vma root, if it has one.
    /// </summary>
    internal void Detach(uint space, ulong address)
    {
        Unlink(space, address);
        WaitForReaders(space);
    }

    /// <summary>First half of <see cref="Detach"/>: takes the table out of the tree; who was on the way to it still reads it.</summary>
    internal void Unlink(uint space, ulong address)
    {
        uint root = mm.Spaces[space].Root;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        mm.Tables.Empty(root, guard.Table, address);
    }

    /// <summary>Second half of <see cref="Detach"/>.</summary>
    internal void WaitForReaders(uint space) => TableReaders.WaitForEarlier<TModel>(ref mm.Spaces[space].FastWalkers);

    /// <summary>Takes <see cref="Unlink"/> back. Nothing can be in the way: the mmap_lock is held for writing.</summary>
    internal void Relink(uint space, ulong address, uint table)
    {
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(mm.Spaces[space].Root, address);
        mm.Tables.TryFill(guard.Table, address, TArch.MakeTable((ulong)table << TArch.PageShift));
    }

    private void FreeIfEmpty(uint space, ulong address)
    {
        uint table = mm.Tables.LeafTable(mm.Spaces[space].Root, address);
        uint vma = table == 0 ? 0 : mm.Vmas.Find(space, address);
        if (vma == 0 || mm.Vmas[vma].SharedObject != 0 || !HugePages<TArch, TModel>.IsWhole(address, mm.Vmas[vma].Start, mm.Vmas[vma].End))
            return;
        uint anonVma = mm.Vmas.AnonVmaOf(vma);
        if (anonVma != 0)
            mm.ReverseMap.LockAnonVma(anonVma);
        bool empty = IsEmpty(table, address);
        if (empty)
            Detach(space, address);
        if (anonVma != 0)
            mm.ReverseMap.Unlock(anonVma);
        if (empty)
            mm.Tables.FreeSpare(table);
    }

    private bool IsEmpty(uint table, ulong address)
    {
        for (uint page = 0; page < HugePages<TArch, TModel>.Pages; page++)
        {
            ref ulong word = ref mm.Tables.Entry(table, address + ((ulong)page << TArch.PageShift));
            if (!TArch.IsNone(PageTables<TArch, TModel>.Load(ref word), 1))
                return false;
        }

        return true;
    }
}
