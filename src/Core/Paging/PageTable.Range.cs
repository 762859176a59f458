using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Paging;

/// <content>Whole ranges: one walk and one lock per leaf table, not per page.</content>
public sealed partial class PageTable<TArch, TModel>
{
    private static readonly LeafChange Clearing =
        static (self, table, start, last, level, ref range) => self.ClearLeaves(table, start, last, level, ref range);

    private static readonly LeafChange Modifying =
        static (self, table, start, last, level, ref range) => self.ModifyLeaves(table, start, last, level, ref range);

    private static readonly LeafChange Keeping = static (_, _, _, _, _, ref _) => 0;

    /// <summary>What is done to the entries of one table that cover [start, last]; returns the base pages changed.</summary>
    private delegate ulong LeafChange(PageTable<TArch, TModel> self, uint table, ulong start, ulong last, int level, ref Range range);

    /// <summary>Maps consecutive frames at consecutive addresses. All or nothing.</summary>
    /// <param name="virtualAddress">First address.</param>
    /// <param name="frame">First frame.</param>
    /// <param name="pages">Number of base pages.</param>
    /// <param name="protection">Who may do what.</param>
    /// <param name="largestLevel">Leaves are as large as the alignment of address and frame allows, up to this level: 1 for base pages only.</param>
    /// <exception cref="ArgumentException">Address, range or frames are misaligned or out of bounds, or the level has no leaves.</exception>
    public MapResult MapRange(ulong virtualAddress, ulong frame, ulong pages, Protection protection, int largestLevel = 1)
    {
        CheckLeaf(virtualAddress, frame, 1);
        if (pages == 0)
            return default;
        if (largestLevel < 1 || largestLevel > TArch.Levels)
            throw new ArgumentOutOfRangeException(nameof(largestLevel), largestLevel, $"Levels are 1 to {TArch.Levels}.");
        if (pages > ulong.MaxValue >> TArch.PageShift || (frame + pages - 1) >> TArch.FrameNumberBits != 0)
            throw new ArgumentOutOfRangeException(nameof(pages), pages, "The range ends beyond the architecture's addresses.");
        ulong last = CheckRange(virtualAddress, virtualAddress + (pages << TArch.PageShift));
        for (ulong done = 0; done < pages;)
        {
            ulong at = virtualAddress + (done << TArch.PageShift);
            int level = LevelFor(at, frame + done, pages - done, largestLevel);
            MapResult result = level == 1
                ? Fill(at, last, frame + done, protection, out ulong filled)
                : MapHuge(at, frame + done, protection, level, out filled);
            if (!result.IsMapped)
            {
                if (done != 0)
                    TakeBack(virtualAddress, at - 1);
                return result;
            }

            done += filled;
        }

        return default;
    }

    /// <summary>
    /// Takes every present leaf in [start, end) away and frees the tables that become empty. Accessed and dirty bits are not collected (a
    /// <see cref="RangeCursor{TArch, TModel}"/> does), entries that are not present stay.
    /// </summary>
    /// <param name="start">First address.</param>
    /// <param name="end">First address after the range; 0 for the end of the address space.</param>
    /// <param name="result">What was done.</param>
    /// <returns>The flush that is owed, if anything was mapped.</returns>
    public FlushTicket<TModel> UnmapRange(ulong start, ulong end, out ChangeResult result) =>
        Change(start, end, Clearing, true, default, out result);

    /// <summary>As <see cref="UnmapRange"/>, but keeps the tables.</summary>
    /// <inheritdoc cref="UnmapRange"/>
    public FlushTicket<TModel> ZapRange(ulong start, ulong end, out ChangeResult result) =>
        Change(start, end, Clearing, false, default, out result);

    /// <summary>Changes the protection of every present leaf in [start, end), keeping accessed, dirty and the other marks.</summary>
    /// <inheritdoc cref="UnmapRange"/>
    public FlushTicket<TModel> ProtectRange(ulong start, ulong end, Protection protection, out ChangeResult result) =>
        Change(start, end, Modifying, false, protection, out result);

    /// <summary>Frees the tables below the root that cover part of [start, end) and are empty, whatever made them so.</summary>
    public void FreeEmptyTables(ulong start, ulong end)
    {
        ulong last = CheckRange(start, end);
        Range range = new() { FreeTables = true };
        Visit(Root, TArch.Levels, start, last, Keeping, ref range);
    }

    /// <summary>
    /// Counts the entries of every table of the tree anew, for a tree that was not made by this class. Nobody else may change the tree
    /// meanwhile. Returns the number of tables, the root included.
    /// </summary>
    public int Recount() => CountEntries(Root, TArch.Levels);

    /// <summary>The last address of [start, end).</summary>
    internal static ulong CheckRange(ulong start, ulong end)
    {
        ulong last = end - 1;
        CheckAddress(start);
        if ((end & PageMask) != 0 || last < start || !TArch.IsCanonical(last) || (long)(start ^ last) < 0)
            throw new ArgumentException($"{start:x} to {end:x} is not a range of whole pages in one half of the address space.", nameof(end));
        return last;
    }

    private static int LevelFor(ulong virtualAddress, ulong frame, ulong pages, int largestLevel)
    {
        for (int level = largestLevel; level > 1; level--)
        {
            ulong size = 1UL << (TArch.LevelShift(level) - TArch.PageShift);
            if (TArch.LeafAllowed(level) && pages >= size && (((virtualAddress >> TArch.PageShift) | frame) & (size - 1)) == 0)
                return level;
        }

        return 1;
    }

    private MapResult MapHuge(ulong virtualAddress, ulong frame, Protection protection, int level, out ulong filled)
    {
        filled = 1UL << (TArch.LevelShift(level) - TArch.PageShift);
        return Map(virtualAddress, frame, protection, level);
    }

    /// <summary>Maps base pages up to the end of the leaf table or of the range.</summary>
    private MapResult Fill(ulong virtualAddress, ulong last, ulong frame, Protection protection, out ulong filled)
    {
        ulong tableLast = virtualAddress | ((1UL << TArch.LevelShift(2)) - 1);
        filled = ((Math.Min(last, tableLast) - virtualAddress) >> TArch.PageShift) + 1;
        uint table = tables.LeafTable(Root, virtualAddress);
        if (table == 0)
        {
            table = tables.EnsureTable(Root, virtualAddress, 1, out Pte obstacle, out int at);
            if (table == 0)
                return Failure(virtualAddress, obstacle, at);
        }

        int first = (int)(Scaled(virtualAddress, 1) >> 3);
        Span<ulong> words = Words(table).Slice(first, (int)filled);
        ref FrameRecord record = ref frames[table];
        WordLock<TModel>.Acquire(ref record.Lock);
        int occupied = LeafFill<TArch, TModel>.FirstOccupied(words);
        if (occupied < 0)
        {
            LeafFill<TArch, TModel>.Store(words, TArch.MakeLeaf(frame, protection, 1));
            record.Count += (uint)filled;
        }

        Pte existing = occupied < 0 ? default : PageTables<TArch, TModel>.Load(ref words[occupied]);
        WordLock<TModel>.Release(ref record.Lock);
        if (occupied < 0)
            return default;
        return new MapResult(MapStatus.Occupied, virtualAddress + ((ulong)occupied << TArch.PageShift), 1, existing);
    }

    /// <summary>
    /// Undoes the first part of a range: everything in it was mapped by this call. Others may have translated it already, so the generation
    /// grows at once.
    /// </summary>
    private void TakeBack(ulong start, ulong last) => UnmapRange(start, last + 1, out _).Flush();

    private FlushTicket<TModel> Change(ulong start, ulong end, LeafChange change, bool freeTables, Protection protection, out ChangeResult result)
    {
        ulong last = CheckRange(start, end);
        result = Straddling(start, last);
        if (result.Status != ChangeStatus.Done)
            return default;
        Range range = new() { FreeTables = freeTables, Protection = protection };
        Visit(Root, TArch.Levels, start, last, change, ref range);
        result = new ChangeResult { Status = ChangeStatus.Done, Pages = range.Pages, Skipped = range.Skipped };
        return range.Pages != 0 ? TicketFor(start, last) : default;
    }

    /// <summary>Only a leaf at one of the two ends can lie across it.</summary>
    private ChangeResult Straddling(ulong start, ulong last)
    {
        for (int side = 0; side < 2; side++)
        {
            Descend(side == 0 ? start : last, out Pte entry, out int level);
            if (level <= 1 || !IsLeaf(entry, level))
                continue;
            ulong mask = (1UL << TArch.LevelShift(level)) - 1;
            ulong inside = side == 0 ? start : last;
            if ((inside & ~mask) < start || (inside | mask) > last)
                return new ChangeResult { Status = ChangeStatus.LeafStraddles, Level = level, Entry = entry };
        }

        return default;
    }

    /// <summary>Visits the parts of a tree that exist, lowest tables first; returns nothing: totals are in <paramref name="range"/>.</summary>
    private void Visit(uint table, int level, ulong start, ulong last, LeafChange change, ref Range range)
    {
        if (level == 1)
        {
            range.Pages += change(this, table, start, last, 1, ref range);
            return;
        }

        ulong mask = (1UL << TArch.LevelShift(level)) - 1;
        var detached = default(DetachedTables);
        for (ulong first = start; ;)
        {
            ulong end = Math.Min(first | mask, last);
            ref ulong word = ref tables.Entry(table, first, level);
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (TArch.IsTable(entry, level))
            {
                uint below = tables.TableFrame(entry);
                Visit(below, level - 1, first, end, change, ref range);
                if (range.FreeTables && tables.IsEmpty(below))
                    tables.Detach(Root, table, ref word, below, ref detached);
            }
            else if (!TArch.IsNone(entry, level))
            {
                range.Pages += change(this, table, first, end, level, ref range);
            }

            if (end == last)
                break;
            first = end + 1;
        }

        tables.FreeDetached(Root, table, ref detached);
    }

    private ulong ClearLeaves(uint table, ulong start, ulong last, int level, ref Range range)
    {
        int first = (int)(Scaled(start, level) >> 3);
        int count = (int)((last - start) >> TArch.LevelShift(level)) + 1;
        ref FrameRecord record = ref frames[table];
        WordLock<TModel>.Acquire(ref record.Lock);
        uint cleared = LeafFill<TArch, TModel>.Clear(Words(table).Slice(first, count), level, out uint skipped);
        if (level == 1)
            record.Count -= cleared;
        else
            Atomic<TModel>.Add(ref record.Count, -(int)cleared);
        WordLock<TModel>.Release(ref record.Lock);
        range.Skipped += skipped;
        return (ulong)cleared << (TArch.LevelShift(level) - TArch.PageShift);
    }

    private ulong ModifyLeaves(uint table, ulong start, ulong last, int level, ref Range range)
    {
        int first = (int)(Scaled(start, level) >> 3);
        int count = (int)((last - start) >> TArch.LevelShift(level)) + 1;
        Span<ulong> words = Words(table).Slice(first, count);
        ulong changed = 0;
        frames.Lock(table);
        foreach (ref ulong word in words)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (TArch.IsNone(entry, level))
                continue;
            if (!IsLeaf(entry, level))
            {
                range.Skipped++;
                continue;
            }

            Modify(ref word, range.Protection, level);
            changed++;
        }

        frames.Unlock(table);
        return changed << (TArch.LevelShift(level) - TArch.PageShift);
    }

    private int CountEntries(uint table, int level)
    {
        int total = 1;
        uint count = 0;
        foreach (ref ulong word in Words(table)[..(1 << TArch.LevelBits(level))])
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (TArch.IsNone(entry, level))
                continue;
            count++;
            if (TArch.IsTable(entry, level))
                total += CountEntries(tables.TableFrame(entry), level - 1);
        }

        Atomic<TModel>.Store(ref frames[table].Count, count);
        return total;
    }

    private struct Range
    {
        public ulong Pages;
        public ulong Skipped;
        public bool FreeTables;
        public Protection Protection;
    }
}
