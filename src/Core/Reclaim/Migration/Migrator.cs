using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Migration;

/// <summary>
/// Moves a folio to another frame under the eyes of everybody who maps it (mm/migrate.c migrate_folio_unmap, migrate_folio_move).
/// </summary>
/// <remarks>
/// <para>Protocol: lock the folio → put migration entries in the place of all entries that map it (<see cref="TryBegin"/>) → compare and freeze
/// the references, copy, let the target take the folio's place in the swap cache or its object → put entries for the target in the place of the
/// migration entries (<see cref="TryComplete"/>) → unlock. If somebody pins the page, or has a reference that nothing explains, the entries
/// come back as they were (<see cref="Undo"/>).</para>
/// <para>Whoever touches the page meanwhile waits for the folio's lock and looks again. Nobody gets a new reference through a page table, and
/// one taken without (from a list, from the swap cache) is worth nothing before the folio was locked.</para>
/// <para>Locks: folio → target, which nobody else knows yet → object or anon_vma root → page-table lock. The caller has a reference to the
/// folio, and may hold the mmap_lock, but no lock behind it.</para>
/// </remarks>
/// <example>
/// <code>
/// uint folio = machine.PageMap.Look(process, address).Frame;
/// if (machine.Context.Folios.TryGet(folio))
/// {
///     if (machine.Migrator.TryBegin(folio, MigrationMode.Async, out DisplacedFolio displaced) == MigrationResult.Moved)
///         machine.Migrator.Undo(displaced); // between the halves, who touches the page waits
///     machine.Context.Folios.Put(folio);
/// }
/// </code>
/// </example>
public sealed class Migrator<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>How often a page is tried that somebody uses: most do so for a moment only (NR_MAX_MIGRATE_PAGES_RETRY).</summary>
    private const int Passes = 10;

    /// <summary>As many of them do not wait, also where the caller would (NR_MAX_MIGRATE_ASYNC_RETRY).</summary>
    private const int PassesThatDoNotWait = 3;

    private readonly MmContext<TArch, TModel> mm;
    private readonly EntryDisplacer<TArch, TModel> entries;
    private readonly FolioCopier<TArch, TModel> copier;

    /// <summary>Makes the operation of a machine.</summary>
    public Migrator(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        entries = new EntryDisplacer<TArch, TModel>(mm);
        copier = new FolioCopier<TArch, TModel>(mm);
    }

    /// <summary>
    /// Whether a folio can move as it is: one that a huge leaf may map only where such a leaf has a migration entry
    /// (CONFIG_ARCH_ENABLE_THP_MIGRATION); else it has to be split first.
    /// </summary>
    public bool Moves(uint folio) => HugeMigrations<TArch, TModel>.IsSupported || mm.Frames.OrderOf(folio) != mm.Frames.Large.LargestOrder;

    /// <summary>
    /// Moves a folio, trying several times if somebody uses it. One that does not wait makes one round; one that does begins with a short round that
    /// does not (migrate_pages_sync).
    /// </summary>
    /// <param name="folio">The folio (its first frame), to which the caller has a reference and keeps it.</param>
    /// <param name="target">
    /// A fresh folio of the same size with one reference, the caller's. That is given up when the page has moved: its mappings keep it then.
    /// </param>
    /// <param name="mode">Whether to wait.</param>
    public MigrationResult Move(uint folio, uint target, MigrationMode mode)
    {
        if (mode == MigrationMode.Async)
            return MoveInRound(folio, target, mode, Passes);
        MigrationResult result = MoveInRound(folio, target, MigrationMode.Async, PassesThatDoNotWait);
        return MayPass(result) ? MoveInRound(folio, target, mode, Passes - PassesThatDoNotWait) : result;
    }

    /// <summary>
    /// A round (migrate_pages_batch) has two loops: what keeps the entries from being replaced is tried again from the start, but once they are, only
    /// the second half is, while they stand. So a folio with one reference too many is unmapped once in a round, however often it is tried.
    /// </summary>
    private MigrationResult MoveInRound(uint folio, uint target, MigrationMode mode, int passes)
    {
        MigrationResult result = MigrationResult.InUse;
        for (int pass = 0; pass < passes && MayPass(result); pass++)
        {
            result = TryBegin(folio, mode, out DisplacedFolio displaced);
            if (result == MigrationResult.Moved)
                return Complete(displaced, target, passes);
        }

        return result;
    }

    private MigrationResult Complete(in DisplacedFolio displaced, uint target, int passes)
    {
        bool fits = mm.PagesOf(displaced.Folio) == mm.PagesOf(target); // else it was split before it was locked
        for (int pass = 0; fits && pass < passes; pass++)
        {
            if (TryComplete(displaced, target))
                return MigrationResult.Moved;
        }

        Undo(displaced);
        return Reason(displaced.Folio);
    }

    /// <summary>Whether what kept a folio from moving may be gone a moment later (-EAGAIN, and writes when the mode waits for them).</summary>
    private static bool MayPass(MigrationResult result) =>
        result is MigrationResult.InUse or MigrationResult.Busy or MigrationResult.Pinned;

    /// <summary>
    /// First half: locks the folio and puts migration entries in the place of its mappings. Between the halves everything goes on but accesses to
    /// the page, which wait; the thread that began must not be among those that touch it.
    /// </summary>
    /// <param name="folio">The folio (its first frame), to which the caller has a reference.</param>
    /// <param name="mode">Whether to wait for the lock and for writes.</param>
    /// <param name="displaced">What <see cref="TryComplete"/> and <see cref="Undo"/> want to know.</param>
    /// <returns>Moved when the first half is done; else why not, and nothing has changed.</returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public MigrationResult TryBegin(uint folio, MigrationMode mode, out DisplacedFolio displaced)
    {
        try
        {
            return TryDisplace(folio, mode, out displaced);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MigrationResult TryDisplace(uint folio, MigrationMode mode, out DisplacedFolio displaced)
    {
        displaced = default;
        if (!TryLock(folio, mode))
            return MigrationResult.Busy;
        MigrationResult result = mode == MigrationMode.Sync ? Settle(folio) : Check(folio);
        if (result == MigrationResult.Moved && !entries.TryDisplace(folio, out displaced))
        {
            Undo(displaced);
            return Reason(folio);
        }

        if (result != MigrationResult.Moved)
            mm.Frames.Unlock(folio);
        return result;
    }

    /// <summary>
    /// Second half: the target takes the folio's place and the caller's reference to it is gone. False: somebody has a reference to the folio; the
    /// entries still stand, and this may be tried again or <see cref="Undo"/> called.
    /// </summary>
    /// <param name="displaced">What <see cref="TryBegin"/> said.</param>
    /// <param name="target">A fresh folio of the same size with one reference, the caller's.</param>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public bool TryComplete(in DisplacedFolio displaced, uint target)
    {
        try
        {
            return TryReplace(displaced, target);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private bool TryReplace(in DisplacedFolio displaced, uint target)
    {
        uint folio = displaced.Folio;
        mm.Frames.AssertLocked(folio);
        mm.Frames.Lock(target);
        if (!copier.TryMove(folio, target))
        {
            mm.Frames.Unlock(target);
            return false;
        }

        mm.Folios.Lru.Add(target);
        entries.Restore(displaced, target);
        entries.Release(displaced);
        copier.Retire(folio);
        mm.Frames.Unlock(target);
        mm.Frames.Unlock(folio);
        mm.Folios.Put(target);
        return true;
    }

    /// <summary>Takes the first half back: the entries come back as they are allowed to be now, and the folio is unlocked.</summary>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public void Undo(in DisplacedFolio displaced)
    {
        try
        {
            entries.Restore(displaced, displaced.Folio);
            entries.Release(displaced);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }

        mm.Frames.Unlock(displaced.Folio);
    }

    private bool TryLock(uint folio, MigrationMode mode)
    {
        if (mode == MigrationMode.Async)
            return mm.Frames.TryLock(folio);
        mm.Frames.Lock(folio);
        return true;
    }

    private MigrationResult Settle(uint folio)
    {
        mm.Swap.WaitForWriteback(folio);
        return Check(folio);
    }

    /// <summary>With the folio locked: whether it is still a page, and one that can move.</summary>
    private MigrationResult Check(uint folio)
    {
        FrameFlags flags = mm.Frames.Flags(folio);
        if ((flags & (FrameFlags.Reserved | FrameFlags.Table)) != 0 || !Moves(folio))
            return MigrationResult.NotMovable;
        if ((flags & (FrameFlags.Anon | FrameFlags.SharedMemory | FrameFlags.SwapCache)) == 0)
            return MigrationResult.NotPresent; // it was given up since the caller found it
        return (flags & FrameFlags.Writeback) != 0 ? MigrationResult.Busy : MigrationResult.Moved;
    }

    private MigrationResult Reason(uint folio) => mm.Frames.MaybePinned(folio) ? MigrationResult.Pinned : MigrationResult.InUse;
}
