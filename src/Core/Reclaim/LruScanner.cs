using System.Buffers;
using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Huge;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Finds folios to reclaim on the LRU lists (mm/vmscan.c do_try_to_free_pages down to shrink_active_list), with ever more effort until enough came
/// free.
/// </summary>
/// <remarks>
/// <para>Effort is the priority, from 12 to 0: at each a list is looked at from its old end for its length shifted right by it. Active folios become
/// inactive when the inactive list is the shorter one; that is decided by statistics of a moment ago, and if nothing at all came free, it is done
/// anyway in a second round. Pages that only swap can back are left alone while there is no swap; those that were freed lazily are preferred.
/// </para>
/// <para>Any number of threads may reclaim: each works on folios that it isolated.</para>
/// </remarks>
/// <example>
/// <code>
/// long freed = machine.Reclaim(32); // pages; what it does is this:
/// var scanner = new LruScanner&lt;X64FourLevel, Mainline&gt;(machine.Context, new Reclaimer&lt;X64FourLevel, Mainline&gt;(machine.Context));
/// freed += scanner.Reclaim(32);
/// </code>
/// </example>
public sealed class LruScanner<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const int LowestEffort = 12;
    private const int Batch = 32;
    private const int Retries = 16;

    private readonly MmContext<TArch, TModel> mm;
    private readonly Reclaimer<TArch, TModel> reclaimer;
    private readonly LruLists<TModel> lists;
    private readonly DeferredSplitter<TArch, TModel> splitter;

    /// <summary>Makes the operation of a machine.</summary>
    public LruScanner(MmContext<TArch, TModel> mm, Reclaimer<TArch, TModel> reclaimer)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.reclaimer = reclaimer;
        lists = mm.Folios.Lru;
        splitter = new DeferredSplitter<TArch, TModel>(mm);
    }

    /// <summary>Reclaims until a number of pages came free, or nothing more can be had.</summary>
    /// <param name="target">Pages to free.</param>
    /// <returns>Pages freed: can be more, because whole folios are.</returns>
    public long Reclaim(long target)
    {
        long freed = 0;
        for (int idle = 0; idle < 2 && freed < target; idle++) // a first attempt may only have found that all was used
        {
            lists.RefreshStatistics();
            ulong before = Stored;
            long now = TryToFree(Math.Min(target - freed, Batch));
            freed += now;
            if (now != 0 || Stored != before)
                idle = -1;
        }

        return freed;
    }

    /// <summary>
    /// Writes out and frees everything that can be: one <see cref="ForceEmpty"/> after the other until two in a row changed nothing. One is not
    /// enough: it may only have found that a lazily freed page was written again, or that its statistics are out of date.
    /// </summary>
    public void ReclaimAll()
    {
        for (int idle = 0; idle < 2; idle++)
        {
            ulong before = Stored;
            if (Empty(retries: 2) != 0 || Stored != before || mm.Swap.ReclaimFull())
                idle = -1;
        }
    }

    /// <summary>
    /// Frees what it can (memory.force_empty): goes on until many attempts freed nothing. All of them decide by the statistics of the beginning.
    /// </summary>
    /// <returns>Pages freed.</returns>
    public long ForceEmpty() => Empty(Retries);

    private long Empty(int retries)
    {
        lists.RefreshStatistics();
        long freed = 0;
        while (retries != 0)
        {
            long now = TryToFree(Batch, wait: true);
            freed += now;
            retries -= now == 0 ? 1 : 0;
        }

        mm.Swap.CompleteWrites();
        return freed;
    }

    /// <summary>Reclaims some frames for an allocation that found none, or for a group at its limit; whether any came free.</summary>
    /// <param name="group">The group whose frames help, 0 for all.</param>
    public bool ReclaimSome(uint group = 0)
    {
        lists.RefreshStatistics();
        uint scope = group == 0 ? MemoryGroups<TModel>.Outside : group;
        if (TryToFree(Batch, scope) != 0 || TryToFree(Batch, scope) != 0)
            return true;
        return mm.Swap.CompleteWrites() != 0 && TryToFree(Batch, scope) != 0;
    }

    /// <summary>Pages that reached a device. A write that failed is no progress, or a broken device would keep reclaim going for ever.</summary>
    private ulong Stored => unchecked(mm.Swap.PagesWritten - mm.Swap.WriteErrors);

    private static bool IsFile(LruKind kind) => kind is LruKind.InactiveFile or LruKind.ActiveFile;

    private long TryToFree(long target, uint scope = 0, bool wait = false)
    {
        var control = new ScanControl(IgnoreReferences: false, wait, scope);
        uint[] isolated = ArrayPool<uint>.Shared.Rent(Batch);
        long freed = 0;
        for (int round = 0; round < 2 && freed == 0; round++)
        {
            bool skipped = false;
            for (int priority = LowestEffort; priority >= 0 && freed < target; priority--)
                freed += new Pass(this, priority, target - freed, forced: round != 0, control, isolated).Run(ref skipped);
            if (!skipped)
                break;
        }

        ArrayPool<uint>.Shared.Return(isolated);
        return freed;
    }

    /// <summary>The group whose part of the lists is scanned, 0 for all.</summary>
    private static uint GroupOf(uint scope) => scope == MemoryGroups<TModel>.Outside ? 0 : scope;

    private bool IsInactiveLow(bool file, uint group) => file
        ? lists.KnownPages(LruKind.InactiveFile, group) < lists.KnownPages(LruKind.ActiveFile, group)
        : lists.KnownPages(LruKind.InactiveAnon, group) < lists.KnownPages(LruKind.ActiveAnon, group);

    private long ShrinkInactive(LruKind kind, ulong pages, ScanControl control, uint[] isolated)
    {
        mm.Folios.Allocator.EndMlockBatch(); // lru_add_drain
        int count = lists.Isolate(kind, pages, GroupOf(control.Scope), isolated.AsSpan(0, Batch));
        var after = new Aftermath(this, isolated);
        long freed = 0;
        for (int i = 0; i < count; i++)
        {
            after.Begin();
            freed += reclaimer.ShrinkIsolated(isolated[i], control);
            after.End(isolated[i]);
        }

        after.Settle();
        return freed;
    }

    /// <summary>Moves folios from an active list to the inactive one, unused as of now.</summary>
    private void ShrinkActive(LruKind kind, ulong pages, uint group, uint[] isolated)
    {
        mm.Folios.Allocator.EndMlockBatch(); // lru_add_drain
        int count = lists.Isolate(kind, pages, group, isolated.AsSpan(0, Batch));
        var after = new Aftermath(this, isolated);
        for (int i = 0; i < count; i++)
        {
            after.Begin();
            reclaimer.ForgetUses(isolated[i]);
            mm.Frames.Clear(isolated[i], FrameFlags.Active);
            lists.PutBack(isolated[i]);
            after.End(isolated[i]);
        }

        after.Settle();
    }

    /// <summary>
    /// What is left to do with isolated folios when all of them had their turn, because the kernel puts them back together (move_folios_to_lru).
    /// Drops the references to them.
    /// </summary>
    private ref struct Aftermath(LruScanner<TArch, TModel> owner, uint[] isolated)
    {
        private BatchNumbers batches;
        private uint batch;
        private int kept;

        /// <summary>Before a folio's turn.</summary>
        internal void Begin() => batch = owner.mm.Folios.Allocator.MlockBatch;

        /// <summary>After its turn.</summary>
        internal void End(uint frame)
        {
            if ((owner.mm.Frames.Flags(frame) & (FrameFlags.Active | FrameFlags.Mlocked)) == 0)
            {
                owner.mm.Folios.Put(frame);
                return;
            }

            batches[kept] = batch;
            isolated[kept++] = frame;
        }

        /// <summary>After the last one's.</summary>
        internal readonly void Settle()
        {
            for (int i = 0; i < kept; i++)
            {
                uint frame = isolated[i];
                if (owner.mm.Frames.Has(frame, FrameFlags.Active))
                    owner.lists.NoteActivation(frame);
                if (batches[i] != owner.mm.Folios.Allocator.MlockBatch)
                    owner.lists.LoseMlock(frame); // its batch of mlock ended while it was on no list (__mlock_folio), and counted nothing
                owner.mm.Folios.Put(frame);
            }
        }
    }

    [InlineArray(Batch)]
    private struct BatchNumbers
    {
        private uint first;
    }

    /// <summary>One look at all lists (shrink_node, shrink_lruvec).</summary>
    private readonly ref struct Pass
    {
        private readonly LruScanner<TArch, TModel> owner;
        private readonly int priority;
        private readonly long target;
        private readonly ScanControl control;
        private readonly uint group;
        private readonly uint[] isolated;
        private readonly bool mayDeactivateAnon;
        private readonly bool mayDeactivateFile;
        private readonly bool onlyFile;
        private readonly bool onlyAnon;

        internal Pass(LruScanner<TArch, TModel> owner, int priority, long target, bool forced, ScanControl control, uint[] isolated)
        {
            this.owner = owner;
            this.priority = priority;
            this.target = target;
            this.control = control;
            group = GroupOf(control.Scope);
            this.isolated = isolated;
            mayDeactivateAnon = forced || owner.IsInactiveLow(file: false, group);
            mayDeactivateFile = forced || owner.IsInactiveLow(file: true, group);
            bool hasSwap = owner.mm.Swap.HasFreeSlot;
            bool preferFile = owner.lists.KnownPages(LruKind.InactiveFile, group) >> priority != 0 && !mayDeactivateFile;
            onlyFile = !hasSwap || (preferFile && priority != 0);
            onlyAnon = hasSwap && !preferFile && priority != 0; // all the pressure is on pages that swap can back (swappiness 200)
        }

        internal long Run(ref bool skipped)
        {
            Span<ulong> left = stackalloc ulong[4];
            for (LruKind kind = LruKind.InactiveAnon; kind <= LruKind.ActiveFile; kind++)
                left[(int)kind] = Share(kind);
            long freed = 0;
            while ((left[(int)LruKind.InactiveAnon] | left[(int)LruKind.ActiveFile] | left[(int)LruKind.InactiveFile]) != 0)
            {
                for (LruKind kind = LruKind.InactiveAnon; kind <= LruKind.ActiveFile; kind++)
                    freed += ShrinkList(kind, ref left[(int)kind], ref skipped);
                if (freed >= target && IsDone(left))
                    break;
            }

            if (owner.mm.Swap.HasActiveArea && owner.IsInactiveLow(file: false, group))
                owner.ShrinkActive(LruKind.ActiveAnon, Batch, group, isolated);
            owner.splitter.Shrink(priority);
            return freed;
        }

        /// <summary>Pages of a list to look at (get_scan_count).</summary>
        private ulong Share(LruKind kind) =>
            (IsFile(kind) ? onlyAnon : onlyFile) ? 0 : owner.lists.Pages(kind, group) >> priority;

        private long ShrinkList(LruKind kind, ref ulong left, ref bool skipped)
        {
            ulong pages = Math.Min(left, Batch);
            left -= pages;
            if (pages == 0)
                return 0;
            if (kind is LruKind.InactiveAnon or LruKind.InactiveFile)
                return owner.ShrinkInactive(kind, pages, control, isolated);
            if (IsFile(kind) ? mayDeactivateFile : mayDeactivateAnon)
                owner.ShrinkActive(kind, pages, group, isolated);
            else
                skipped = true;
            return 0;
        }

        /// <summary>Enough came free: the rest is looked at only in the proportion that both kinds were meant to get.</summary>
        private static bool IsDone(Span<ulong> left)
        {
            ulong anon = left[(int)LruKind.InactiveAnon] + left[(int)LruKind.ActiveAnon];
            ulong file = left[(int)LruKind.InactiveFile] + left[(int)LruKind.ActiveFile];
            if (anon == 0 || file == 0)
                return true;
            int smaller = file > anon ? 0 : 2;
            left[smaller] = left[smaller + 1] = 0;
            return false;
        }
    }
}
