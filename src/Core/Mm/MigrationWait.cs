using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Waits for a page that is under way to another frame (mm/memory.c migration_entry_wait, pmd_migration_entry_wait).</summary>
/// <remarks>
/// A migration entry exists only while the folio that the page leaves is locked, so its lock is what to wait for: without a reference, which
/// would make the migration fail. When the lock is free the entry has been replaced; nothing else is concluded, and the access is tried again.
/// By then the frame may be somebody else's and locked by him: that is only a longer wait. Who waits may hold the mmap_lock, because nobody
/// waits for that with a folio locked; it must not hold a page-table lock.
/// </remarks>
internal readonly struct MigrationWait<TArch, TModel>(MmContext<TArch, TModel> mm)
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Waits while the level-1 entry of an address is a migration entry.</summary>
    internal void Wait(uint root, ulong address)
    {
        SoftLeaf entry;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address))
            entry = guard.Table == 0 ? default : mm.Decode(guard[address].Value);
        WaitFor(entry);
    }

    /// <summary>Waits while the level-2 entry of an address is a migration entry.</summary>
    internal void WaitHuge(uint root, ulong address)
    {
        SoftLeaf entry;
        using (HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address))
            entry = guard.IsMigration ? HugeMigrations<TArch, TModel>.Decode(mm, guard.Value) : default;
        WaitFor(entry);
    }

    private void WaitFor(in SoftLeaf entry)
    {
        if (!entry.IsMigration)
            return;
        if (entry.Frame > uint.MaxValue)
            throw new CorruptImageException("page-table entry", $"a migration entry names frame {entry.Frame}, outside RAM");
        TModel.WaitUntil(in mm.Frames.Folio((uint)entry.Frame).Lock, ulong.MaxValue, 0);
    }
}
