using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// What others do with the entry of a huge page that is under way to another block (mm/huge_memory.c, the branches for PMD migration entries). It
/// stands where the huge leaf was, with the spare table still beside it; reference and mapping of the leaf are gone.
/// </summary>
/// <remarks>All under the lock of the level-2 table. Where an architecture takes every word at this level for present there are none.</remarks>
internal sealed class HugeMigrations<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal HugeMigrations(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>Whether the architecture has such entries (thp_migration_supported): else huge pages are split before they move.</summary>
    internal static bool IsSupported => !TArch.IsPresent(TArch.EncodeSwap(1, 1), 2);

    private static uint Pages => HugePages<TArch, TModel>.Pages;

    /// <summary>The entry of a locked level-2 word.</summary>
    internal static SoftLeaf Decode(MmContext<TArch, TModel> mm, Pte entry) => SoftLeaf.Decode<TArch>(entry, mm.SwapTypes, 2);

    /// <summary>Removes the entry if a range covers it, splits it otherwise; whether the range below it is done with.</summary>
    internal bool ZapOrSplit(in HugeGuard<TArch, TModel> guard, uint vma, ulong start, ulong end)
    {
        if (!HugePages<TArch, TModel>.IsWhole(start, start, end))
        {
            Split(guard, vma);
            return false;
        }

        uint space = mm.Vmas[vma].AddressSpace;
        uint spare = mm.Tables.TakeSpare(guard.Table);
        mm.Tables.Empty(mm.Spaces[space].Root, guard.Table, guard.First);
        mm.Tables.FreeSpare(spare);
        mm.Spaces.CountResident(space, shared: false, -(long)Pages);
        return true;
    }

    /// <summary>Puts the spare table, filled with entries of the same kind and marks for each page, in the place of the entry.</summary>
    internal void Split(in HugeGuard<TArch, TModel> guard, uint vma)
    {
        SoftLeaf entry = Decode(mm, guard.Value);
        uint table = mm.Tables.TakeSpare(guard.Table);
        for (uint page = 0; page < Pages; page++)
        {
            ulong address = guard.First + ((ulong)page << TArch.PageShift);
            Pte own = MigrationEntry<TArch>.WithFrame(entry, (uint)entry.Frame + page).Encode<TArch>(mm.SwapTypes);
            PageTables<TArch, TModel>.Store(ref mm.Tables.Entry(table, address), own);
        }

        mm.Tables.Place(table, guard.First);
        guard.Set(TArch.MakeTable((ulong)table << TArch.PageShift)); // a release store: who finds the table finds it filled
        mm.Tables.Invalidate(mm.Spaces[mm.Vmas[vma].AddressSpace].Root);
    }

    /// <summary>Copies the entry to a forked child: the page is shared from now on.</summary>
    internal Pte Duplicate(in HugeGuard<TArch, TModel> source, uint childVma)
    {
        Pte shared = MigrationEntry<TArch>.Shared(Decode(mm, source.Value)).Encode<TArch>(mm.SwapTypes);
        source.Set(shared);
        mm.Spaces.CountResident(mm.Vmas[childVma].AddressSpace, shared: false, Pages);
        return TArch.ClearSwapUffdWp(shared);
    }

    /// <summary>mprotect and userfaultfd write-protection: the entry is weakened, its marks change.</summary>
    internal void Change(in HugeGuard<TArch, TModel> guard, UffdWpChange uffd)
    {
        SoftLeaf entry = MigrationEntry<TArch>.WithoutWrite(Decode(mm, guard.Value), anonymous: true);
        if (uffd != UffdWpChange.None)
            entry = MigrationEntry<TArch>.WithUffdWp(entry, uffd == UffdWpChange.Protect);
        guard.Set(entry.Encode<TArch>(mm.SwapTypes));
    }
}
