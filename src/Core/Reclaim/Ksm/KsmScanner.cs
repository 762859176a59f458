using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>
/// Same-page merging (mm/ksm.c, Linux 6.18): finds pages of equal content in mergeable VMAs and lets them share one frame, until they are
/// written.
/// </summary>
/// <remarks>
/// <para>There is no hidden thread: who wants pages merged calls <see cref="Scan"/>. Any number may call; they take turns, by
/// <see cref="KsmState.Lock"/>, the outermost of all locks. Everybody else goes on meanwhile.</para>
/// <para>A scan visits address spaces in the order in which they entered, each by address. A page takes part when its content is what it was in
/// the scan before. If a merged page has that content, it is replaced by it. Else if a page met earlier in this scan has it, this one becomes a
/// KSM frame, and the earlier one is replaced by it. A search by checksum finds candidates; their bytes decide, after both were
/// write-protected.</para>
/// <para>A frame is shared by up to 256 merged pages (max_page_sharing), not counting what forks add. Each page is looked at in every scan
/// (smart_scan off). Pages of zeroes are like any others, unless <see cref="UsesZeroPages"/> says that the zero page takes their place.</para>
/// </remarks>
/// <example>
/// <code>
/// machine.Advise(process, start, end - start, Advice.Mergeable, ref faults);
/// machine.Ksm.Scan(passes: 3);
/// Console.WriteLine($"{machine.Ksm.MergedItems(process)} pages merged");
/// </code>
/// </example>
public sealed class KsmScanner<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly ProcessLife<TArch, TModel> life;
    private readonly KsmPages<TArch, TModel> pages;
    private readonly KsmRecords<TArch, TModel> records;
    private readonly KsmPlaces<TArch, TModel> places;
    private readonly KsmMatcher<TArch, TModel> matcher;
    private readonly KsmAdvice<TArch, TModel> advice;

    /// <summary>Makes the scanner of a machine.</summary>
    public KsmScanner(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults, ProcessLife<TArch, TModel> life)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.life = life;
        pages = new KsmPages<TArch, TModel>(mm, faults);
        records = new KsmRecords<TArch, TModel>(mm);
        places = new KsmPlaces<TArch, TModel>(mm, life);
        advice = new KsmAdvice<TArch, TModel>(mm, faults);
        matcher = new KsmMatcher<TArch, TModel>(mm, life, pages, records, places);
    }

    /// <summary>Full scans since the machine was made or everything was unmerged.</summary>
    public ulong FullScans => Atomic<TModel>.Load(ref mm.Ksm.State.FullScans);

    /// <inheritdoc cref="KsmRegistry{TModel}.MergedItems"/>
    public long MergedItems(uint space) => mm.Ksm.MergedItems(space);

    /// <summary>
    /// Whether a page of zeroes is replaced by the zero page instead of being merged with others (/sys/kernel/mm/ksm/use_zero_pages). Belongs to the
    /// machine; false at first, as in Linux. What was replaced stays so when it is set back.
    /// </summary>
    public bool UsesZeroPages
    {
        get => Atomic<TModel>.Load(ref mm.Ksm.State.UseZeroPages) != 0;
        set => Atomic<TModel>.Store(ref mm.Ksm.State.UseZeroPages, value ? 1u : 0);
    }

    /// <summary>Pages of an address space that the zero page took the place of (ksm_zero_pages of /proc), counted now.</summary>
    /// <exception cref="ArgumentException">No such address space lives.</exception>
    public long ZeroPages(uint space)
    {
        mm.Spaces.ThrowIfNotLive(space);
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        return pages.CountZeroPages(space);
    }

    /// <summary>Whether all memory of an address space that can be merged is mergeable (PR_GET_MEMORY_MERGE).</summary>
    /// <exception cref="ArgumentException">No such address space lives.</exception>
    public bool MergesAll(uint space)
    {
        mm.Spaces.ThrowIfNotLive(space);
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        return mm.Spaces[space].MergesAll != 0;
    }

    /// <summary>
    /// Makes all memory of an address space mergeable that can be, what is mapped later and what its children have included (PR_SET_MEMORY_MERGE); or
    /// ends that: then nothing is mergeable, and merged pages get frames of their own again. A scan that finds nothing mergeable in the address space
    /// ends it too.
    /// </summary>
    /// <param name="space">The address space.</param>
    /// <param name="on">Whether to.</param>
    /// <param name="counters">Whose faults to count: one for each page that is unmerged.</param>
    /// <returns>Ok, also when nothing changes; NoMemory: nothing changed, but some pages may have been unmerged.</returns>
    /// <exception cref="ArgumentException">No such address space lives.</exception>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public MmResult SetMergesAll(uint space, bool on, ref FaultCounters counters)
    {
        mm.Spaces.ThrowIfNotLive(space);
        try
        {
            return advice.SetMergesAll(space, on, ref counters);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    /// <summary>Scans all pages, a number of times.</summary>
    /// <param name="passes">Full scans; after two of them equal pages that nobody writes are merged.</param>
    public void Scan(int passes = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(passes);
        try
        {
            ScanAll(passes);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private void ScanAll(int passes)
    {
        ref KsmState state = ref mm.Ksm.State;
        for (; passes != 0; passes--)
        {
            WordLock<TModel>.Acquire(ref state.Lock);
            mm.Folios.Allocator.AdvanceEpoch(); // a page still held by a batch could not be merged (lru_add_drain_all)
            state.UnstableRoot = 0;
            state.Scan++;
            for (uint slot = mm.Ksm.BeginWalk(); slot != 0;)
                slot = ScanSlot(slot);
            Atomic<TModel>.Add(ref state.FullScans, 1);
            WordLock<TModel>.Release(ref state.Lock);
        }
    }

    /// <summary>
    /// Gives every merged page of a mergeable VMA a frame of its own again (writing 2 to /sys/kernel/mm/ksm/run) and forgets all that the
    /// scans found. VMAs stay mergeable: the next scan begins anew.
    /// </summary>
    /// <returns>Ok; NoMemory when there were not enough frames: the rest is still merged.</returns>
    public MmResult UnmergeAll()
    {
        try
        {
            return UnmergeSpaces();
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult UnmergeSpaces()
    {
        ref KsmState state = ref mm.Ksm.State;
        WordLock<TModel>.Acquire(ref state.Lock);
        Atomic<TModel>.Store(ref state.Unmerging, 1);
        MmResult result = MmResult.Ok;
        for (uint slot = mm.Ksm.BeginWalk(); slot != 0 && result == MmResult.Ok;)
            slot = UnmergeSlot(slot, ref result);
        if (result == MmResult.Ok)
        {
            records.ForgetUnmapped();
            Atomic<TModel>.Store(ref state.FullScans, 0);
        }

        mm.Ksm.EndWalk();
        Atomic<TModel>.Store(ref state.Unmerging, 0);
        WordLock<TModel>.Release(ref state.Lock);
        return result;
    }

    /// <summary>Scans one address space; returns the next slot.</summary>
    private uint ScanSlot(uint slot)
    {
        uint space = places.TryUse(slot);
        if (space == 0)
        {
            records.DropRest(slot, 0);
            return mm.Ksm.Advance(drop: true, space: 0);
        }

        uint previous = 0;
        for (ulong address = 0; TryNextPage(space, ref address, out uint frame); address += 1UL << TArch.PageShift)
        {
            uint item = records.ItemAt(slot, ref previous, address);
            if (item != 0)
                matcher.CompareAndMerge(item, frame);
            mm.Folios.Put(frame);
        }

        records.DropRest(slot, previous);
        uint next;
        using (mm.Spaces.HoldRead(space))
        {
            bool done = mm.Ksm.Slots[slot].FirstItem == 0 && !HasMergeableVma(space);
            next = mm.Ksm.Advance(done, space);
        }

        life.Put(space); // not before the cursor has left the slot
        return next;
    }

    private bool HasMergeableVma(uint space)
    {
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
        {
            if (KsmPlaces<TArch, TModel>.IsOfInterest(mm.Vmas.FlagsOf(vma)))
                return true;
        }

        return false;
    }

    /// <summary>The next present anonymous page of a mergeable VMA at or above an address, with a reference.</summary>
    private bool TryNextPage(uint space, ref ulong address, out uint frame)
    {
        frame = 0;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, address); vma != 0 && frame == 0; vma = mm.Vmas.Next(vma))
        {
            if (!KsmPlaces<TArch, TModel>.IsOfInterest(mm.Vmas.FlagsOf(vma)) || mm.Vmas.AnonVmaOf(vma) == 0)
                continue;
            address = Math.Max(address, mm.Vmas[vma].Start);
            frame = places.TryGetPage(mm.Spaces[space].Root, ref address, mm.Vmas[vma].End);
        }

        return frame != 0;
    }

    private uint UnmergeSlot(uint slot, ref MmResult result)
    {
        uint space = places.TryUse(slot);
        if (space != 0)
            result = UnmergeSpace(space);
        if (result == MmResult.Ok)
            records.DropRest(slot, 0);
        uint next = mm.Ksm.Advance(drop: space == 0, space: 0);
        if (space != 0)
            life.Put(space);
        return next;
    }

    private MmResult UnmergeSpace(uint space)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        MmResult result = MmResult.Ok;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0 && result == MmResult.Ok; vma = mm.Vmas.Next(vma))
        {
            var uncounted = new FaultCounters();
            if (KsmPlaces<TArch, TModel>.IsOfInterest(mm.Vmas.FlagsOf(vma)) && mm.Vmas.AnonVmaOf(vma) != 0)
                result = pages.Unmerge(vma, mm.Vmas[vma].Start, mm.Vmas[vma].End, ref uncounted);
        }

        return result;
    }
}
