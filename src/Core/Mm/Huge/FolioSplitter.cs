using System.Buffers;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// Splits a large folio into folios of one page each (mm/huge_memory.c split_folio). Pages that are all zero become the shared zero page in
/// every page table that maps them.
/// </summary>
/// <remarks>
/// <para>The caller holds the folio lock and one reference. Huge leaves are split first. Then every table that maps a page of the folio is
/// locked, under the lock of the anon_vma root, and the references are frozen if there are no others than those of the mappings found, the
/// swap cache and the caller. From there on nobody can reach any of the pages, and the entries can stay as they are: no migration
/// entries are needed, which a kernel uses because it cannot hold so many locks.</para>
/// <para>The tables' locks are only tried, because others lock pairs of tables in an order of their own. Whoever is in the way makes the split
/// fail, as does any passing reference; both are normal, and the caller goes on without.</para>
/// </remarks>
public sealed class FolioSplitter<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the operation of a machine.</summary>
    public FolioSplitter(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// Splits a folio. Afterwards the page asked for is locked and has the caller's reference; the other pages are unlocked, and those that were
    /// mapped nowhere are free. False: nothing changed, but that huge leaves may have been split.
    /// </summary>
    /// <param name="page">Any page of the folio.</param>
    /// <param name="keepAll">
    /// Whether the caller, who isolated the folio, gets a reference to each of the other pages too, mapped or not, and they stay off the lists.
    /// </param>
    public bool TrySplit(uint page, bool keepAll = false)
    {
        uint head = mm.Frames.HeadOf(page);
        mm.Frames.AssertLocked(head);
        if (!mm.Frames.IsLarge(head) || mm.Frames.Has(head, FrameFlags.Writeback))
            return false;
        uint anonVma = mm.ReverseMap.Lock(head);
        if (anonVma == 0)
            return false;
        bool possible = mm.Frames.References(head) == Expected(head) // who holds a reference now would make it fail at the end
            && TryTellEntries(head, anonVma);
        bool split = possible && TrySplitUnder(head, page, anonVma, keepAll);
        mm.ReverseMap.Unlock(anonVma);
        return split;
    }

    /// <summary>
    /// Tells each entry of level 1, under its table's lock, that its page is about to be split off. One that a huge leaf is going to leave is not
    /// told: the kernel makes those migration entries at once (freeze), without a word to the architecture.
    /// </summary>
    private bool TryTellEntries(uint head, uint anonVma)
    {
        if (!LeafTags<TArch, TModel>.IsOn)
            return true;
        uint pages = mm.Frames.PagesOf(head);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, pages))
        {
            ulong end = EndOf(head, pages, place);
            for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift)
            {
                using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root, address);
                if (guard.Table != 0 && PageAt(head, pages, place.Vma, address, out _) != 0 && !mm.Leaves.TrySplit(guard[address]))
                    return false;
            }
        }

        return true;
    }

    private uint Expected(uint head) =>
        mm.Frames.FolioMappings(head) + (mm.Frames.Has(head, FrameFlags.SwapCache) ? mm.Frames.PagesOf(head) : 0) + 1;

    private bool TrySplitUnder(uint head, uint page, uint anonVma, bool keepAll)
    {
        new HugeReverseMap<TArch, TModel>(mm).SplitLeaves(head, anonVma);
        uint[] tables = ArrayPool<uint>.Shared.Rent(16);
        int count = 0;
        bool split = TryLockTables(head, anonVma, ref tables, ref count)
            && CountMappings(head, anonVma) == mm.Frames.FolioMappings(head)
            && mm.Frames.TryFreeze(head, Expected(head));
        if (split)
            SplitFrozen(head, page, anonVma, keepAll);
        while (count > 0)
            mm.Tables.Unlock(tables[--count]);
        ArrayPool<uint>.Shared.Return(tables);
        return split;
    }

    private bool TryLockTables(uint head, uint anonVma, ref uint[] tables, ref int count)
    {
        uint pages = mm.Frames.PagesOf(head);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, pages))
        {
            uint root = mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root;
            ulong end = EndOf(head, pages, place);
            for (ulong address = place.Address; address < end; address = Zapper<TArch, TModel>.TableEnd(address))
            {
                uint table = mm.Tables.LeafTable(root, address);
                if (table == 0 || tables.AsSpan(0, count).Contains(table))
                    continue;
                if (!mm.Frames.TryLock(table))
                    return false;
                if (count == tables.Length)
                    Grow(ref tables);
                tables[count++] = table;
            }
        }

        return true;
    }

    private static void Grow(ref uint[] tables)
    {
        uint[] larger = ArrayPool<uint>.Shared.Rent(tables.Length * 2);
        tables.CopyTo(larger, 0);
        ArrayPool<uint>.Shared.Return(tables);
        tables = larger;
    }

    /// <summary>End of the part of the folio's range that lies in the VMA of a place.</summary>
    private ulong EndOf(uint head, uint pages, ReverseMapPlace place)
    {
        ulong index = mm.Vmas.LinearIndex(place.Vma, place.Address);
        ulong left = mm.Frames[head].Index + pages - index;
        return Math.Min(mm.Vmas[place.Vma].End, place.Address + (left << TArch.PageShift));
    }

    private uint CountMappings(uint head, uint anonVma)
    {
        uint found = 0;
        uint pages = mm.Frames.PagesOf(head);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, pages))
        {
            ulong end = EndOf(head, pages, place);
            for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift)
                found += PageAt(head, pages, place.Vma, address, out _) != 0 ? 1u : 0;
        }

        return found;
    }

    /// <summary>The folio's page that an address maps, 0 when none; the table is locked.</summary>
    private uint PageAt(uint head, uint pages, uint vma, ulong address, out uint table)
    {
        table = mm.Tables.LeafTable(mm.Spaces[mm.Vmas[vma].AddressSpace].Root, address);
        if (table == 0)
            return 0;
        Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1))
            return 0;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        return frame >= head && frame - head < pages ? frame : 0;
    }

    /// <summary>Nobody else can reach any of the pages now.</summary>
    private void SplitFrozen(uint head, uint page, uint anonVma, bool keepAll)
    {
        uint pages = mm.Frames.PagesOf(head);
        bool listed = mm.Frames.Has(head, FrameFlags.Lru); // who isolated it keeps the pages off the lists, where they are not counted
        ForgetLocks(head, anonVma);
        mm.Folios.Lru.NoteSplit(head);
        mm.Folios.Separate(head);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, pages))
        {
            ulong end = EndOf(head, pages, place);
            for (ulong address = place.Address; address < end; address += 1UL << TArch.PageShift)
            {
                uint frame = PageAt(head, pages, place.Vma, address, out uint table);
                if (frame != 0 && CanBecomeZeroPage(frame, place.Vma))
                    MapZeroPage(frame, place.Vma, address, table);
                else if (frame != 0 && (mm.Vmas.FlagsOf(place.Vma) & VmaFlags.Locked) != 0)
                    LockInMemory(frame, counted: listed);
            }
        }

        // The first page last: who finds it frozen while it looks for another one must not be sent on too early.
        for (uint frame = head + 1; frame < head + pages; frame++)
        {
            if (keepAll && frame != page)
                mm.Frames.Unfreeze(frame, OwnReferences(frame) + 1);
            else
                Release(frame, head, isCallers: frame == page);
        }

        ReleaseHead(head, isCallers: head == page);
    }

    /// <summary>
    /// What locked VMAs counted of the folio as a whole goes, as when it is unmapped; each page counts anew for itself. What is left belongs to
    /// nobody who could be found.
    /// </summary>
    private void ForgetLocks(uint head, uint anonVma)
    {
        if (!mm.Frames.Has(head, FrameFlags.Mlocked))
            return;
        uint pages = mm.Frames.PagesOf(head);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[head].Index, pages))
        {
            if ((mm.Vmas.FlagsOf(place.Vma) & VmaFlags.Locked) == 0)
                continue;
            ulong end = EndOf(head, pages, place);
            for (ulong address = place.Address; address < end && mm.Frames.Has(head, FrameFlags.Mlocked); address += 1UL << TArch.PageShift)
            {
                if (PageAt(head, pages, place.Vma, address, out _) != 0)
                    mm.Folios.Lru.Munlock(head);
            }
        }
    }

    private void LockInMemory(uint frame, bool counted)
    {
        if (counted)
            mm.Rmap.MlockFolio(frame);
        else
            mm.Folios.Lru.MlockUncounted(frame);
    }

    private void ReleaseHead(uint head, bool isCallers)
    {
        uint references = OwnReferences(head);
        if (!isCallers)
            mm.Frames.Unlock(head);
        if (isCallers || references != 0)
            mm.Frames.Unfreeze(head, references + (isCallers ? 1u : 0));
        else
            mm.Folios.FreeUnreferenced(head);
    }

    private uint OwnReferences(uint frame) => mm.Frames.Mappings(frame) + (mm.Frames.Has(frame, FrameFlags.SwapCache) ? 1u : 0);

    /// <summary>
    /// Gives a page its references, or back to the allocator. Each comes right behind the first page on the list, so the last one is the next that
    /// reclaim finds after it (lru_add_split_folio).
    /// </summary>
    private void Release(uint frame, uint head, bool isCallers)
    {
        uint references = OwnReferences(frame) + (isCallers ? 1u : 0);
        if (references == 0)
        {
            mm.Folios.FreeUnreferenced(frame);
            return;
        }

        if (isCallers)
            mm.Frames.Lock(frame);
        mm.Folios.Lru.AddBehind(frame, head);
        mm.Frames.Unfreeze(frame, references + (isCallers ? 0u : 1u));
        if (!isCallers)
            LetGo(frame);
    }

    /// <summary>A page that only the swap cache still has leaves it, unless its slot is in use (free_folio_and_swap_cache).</summary>
    private void LetGo(uint frame)
    {
        if (mm.Frames.Mappings(frame) == 0 && mm.Frames.Has(frame, FrameFlags.SwapCache) && mm.Frames.TryLock(frame))
        {
            mm.Swap.TryFreeSlot(frame);
            mm.Frames.Unlock(frame);
        }

        mm.Folios.Put(frame);
    }

    private bool CanBecomeZeroPage(uint frame, uint vma) =>
        !mm.Frames.Has(frame, FrameFlags.Mlocked)
        && (mm.Vmas.FlagsOf(vma) & VmaFlags.Locked) == 0
        && SharedBytes<TModel>.IsZero(mm.Frames.Bytes(frame))
        && mm.Tags.Identical(frame, mm.Folios.ZeroFrame);

    private void MapZeroPage(uint frame, uint vma, ulong address, uint table)
    {
        ref ulong word = ref mm.Tables.Entry(table, address);
        Pte old = PageTables<TArch, TModel>.Load(ref word);
        Protection protection = MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma));
        Pte zero = TArch.MakeSpecial(TArch.MakeLeaf(mm.Folios.ZeroFrame, protection, 1));
        if (TArch.IsSoftDirty(old))
            zero = TArch.MakeSoftDirty(zero);
        if (TArch.IsUffdWp(old))
            zero = TArch.MakeUffdWp(zero);
        mm.Tags.BeforePublish(zero);
        PageTables<TArch, TModel>.Store(ref word, zero);
        mm.Frames.RemoveMapping(frame);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, -1);
    }
}
