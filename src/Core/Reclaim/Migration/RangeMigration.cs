using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Migration;

/// <summary>
/// Moves the pages of a range of an address space to freshly allocated frames, in ascending order of address (what move_pages(2) does with a page
/// that is on the wrong node).
/// </summary>
/// <remarks>
/// Without other threads the outcome is determined: a page moves unless somebody has a pin or a reference, and goes to the frame that the
/// allocator hands out next. The mmap_lock is held only while a page is looked up, so that waiting for frames can reclaim.
/// </remarks>
/// <example>
/// <code>
/// var migration = new RangeMigration&lt;X64FourLevel, Mainline&gt;(machine.Context, machine.Migrator);
/// MigrationCounts counts = migration.Apply(process, start, end); // as machine.Migrate
/// Console.WriteLine($"{counts.Moved} pages moved, {counts.NotPresent} are not there");
/// </code>
/// </example>
public sealed class RangeMigration<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Migrator<TArch, TModel> migrator;
    private readonly FolioSplitter<TArch, TModel> splitter;

    /// <summary>Makes the operation of a machine.</summary>
    public RangeMigration(MmContext<TArch, TModel> mm, Migrator<TArch, TModel> migrator)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.migrator = migrator;
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    /// <summary>
    /// Moves the pages of [start, end). A huge page moves as a whole, once, even if the range has only part of it; if there is no block for it, or
    /// the architecture cannot move it, or pages of it belong to nobody any more, it is split and its pages in the range move.
    /// </summary>
    /// <returns>What became of each base page of the range.</returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public MigrationCounts Apply(uint space, ulong start, ulong end)
    {
        try
        {
            return MoveRange(space, start, end);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MigrationCounts MoveRange(uint space, ulong start, ulong end)
    {
        mm.Folios.Allocator.AdvanceEpoch(); // lru_add_drain_all: what processors keep in batches has references
        var counts = new MigrationCounts();
        uint last = 0;
        MigrationResult result = MigrationResult.NotPresent;
        for (ulong address = start; address < end; address += 1UL << TArch.PageShift)
        {
            uint page = TakePage(space, address, out MigrationResult found);
            if (page == 0)
            {
                counts.Add(found, 1);
                continue;
            }

            uint folio = mm.Frames.HeadOf(page);
            if (folio != last || !mm.Frames.IsLarge(folio))
                result = MoveOrSplit(page, out last);
            counts.Add(result, 1);
            mm.Folios.Put(page);
        }

        return counts;
    }

    /// <summary>The frame that an address shows, with a reference; 0 when it shows none that could move.</summary>
    private uint TakePage(uint space, ulong address, out MigrationResult result)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        uint root = mm.Spaces[space].Root;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address))
        {
            if (guard.Table != 0)
                return Take(guard[address].Value, 0, 1, out result);
        }

        using HugeGuard<TArch, TModel> huge = mm.Huge.Lock(root, address);
        return Take(huge.IsLeaf ? huge.Value : default, HugePages<TArch, TModel>.PageOf(address), 2, out result);
    }

    private uint Take(Pte entry, uint page, int level, out MigrationResult result)
    {
        result = MigrationResult.NotPresent;
        if (TArch.IsNone(entry, level) || !TArch.IsPresent(entry, level))
            return 0;
        result = MigrationResult.NotMovable;
        if (TArch.IsSpecial(entry))
            return 0; // a zero page
        uint frame = (uint)TArch.FrameOf(entry, level) + page;
        mm.Frames.Get(frame);
        return frame;
    }

    /// <summary>
    /// Moves the folio of a page; <paramref name="whole"/> is the large folio that the result stands for in all its pages, 0 when none.
    /// </summary>
    private MigrationResult MoveOrSplit(uint page, out uint whole)
    {
        uint folio = mm.Frames.HeadOf(page);
        whole = 0;
        if (!mm.Frames.IsLarge(folio) || (LostPages(folio) && TrySplit(page)))
            return MoveSingle(page);
        uint target = migrator.Moves(folio) ? mm.Tags.TryAllocateLarge(mm.Frames.OrderOf(folio), zeroed: false) : 0;
        if (target == 0)
            return TrySplit(page) ? MoveSingle(page) : Unsplittable(folio, out whole);
        MigrationResult result = migrator.Move(folio, target, MigrationMode.Sync);
        whole = result == MigrationResult.Moved ? target : folio;
        if (result != MigrationResult.Moved)
            mm.Folios.Put(target);
        return result;
    }

    /// <summary>Whether some pages of a folio belong to nobody: it is split rather than moved with them (mm/migrate.c migrate_pages_batch).</summary>
    private bool LostPages(uint folio) => mm.Frames.Has(folio, FrameFlags.PartiallyMapped) && mm.Frames.DeferredSplits.Contains(folio);

    private MigrationResult MoveSingle(uint frame)
    {
        uint target = mm.Folios.TryAllocate();
        for (int tries = 0; target == 0 && tries < MmContext<TArch, TModel>.PressureTries && mm.TryFindFrames(); tries++)
            target = mm.Folios.TryAllocate();
        if (target == 0)
            return MigrationResult.NoMemory;
        MigrationResult result = migrator.Move(frame, target, MigrationMode.Sync);
        if (result != MigrationResult.Moved)
            mm.Folios.Put(target);
        return result;
    }

    private bool TrySplit(uint page)
    {
        mm.Frames.Lock(page); // the folio's; after the split the page's own
        bool split = splitter.TrySplit(page);
        mm.Frames.Unlock(page);
        return split;
    }

    private MigrationResult Unsplittable(uint folio, out uint whole)
    {
        whole = folio;
        return mm.Frames.MaybePinned(folio) ? MigrationResult.Pinned : MigrationResult.InUse;
    }
}
