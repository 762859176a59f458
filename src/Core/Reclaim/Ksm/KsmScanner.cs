using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
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
/// (smart_scan off), and the zero page takes no part (use_zero_pages off).</para>
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
    private readonly KsmMerger<TArch, TModel> merger;

    /// <summary>Makes the scanner of a machine.</summary>
    public KsmScanner(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults, ProcessLife<TArch, TModel> life)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.life = life;
        pages = new KsmPages<TArch, TModel>(mm, faults);
        records = new KsmRecords<TArch, TModel>(mm);
        merger = new KsmMerger<TArch, TModel>(mm);
    }

    /// <summary>Full scans since the machine was made or everything was unmerged.</summary>
    public ulong FullScans => Atomic<TModel>.Load(ref mm.Ksm.State.FullScans);

    /// <inheritdoc cref="KsmRegistry{TModel}.MergedItems"/>
    public long MergedItems(uint space) => mm.Ksm.MergedItems(space);

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

    private static bool IsOfInterest(VmaFlags flags) => (flags & VmaFlags.Mergeable) != 0;

    /// <summary>Scans one address space; returns the next slot.</summary>
    private uint ScanSlot(uint slot)
    {
        uint space = TryUse(slot);
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
                CompareAndMerge(item, frame);
            mm.Folios.Put(frame);
        }

        records.DropRest(slot, previous);
        mm.Spaces.AcquireRead(space);
        bool done = mm.Ksm.Slots[slot].FirstItem == 0 && !HasMergeableVma(space);
        uint next = mm.Ksm.Advance(done, space);
        mm.Spaces.ReleaseRead(space);
        life.Put(space); // not before the cursor has left the slot
        return next;
    }

    /// <summary>Makes the caller a user of the slot's address space and returns it; 0 when that has ended or is ending.</summary>
    private uint TryUse(uint slot)
    {
        ref KsmSlot record = ref mm.Ksm.Slots[slot];
        return life.TryGet(record.Space, record.Generation) ? record.Space : 0;
    }

    private bool HasMergeableVma(uint space)
    {
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
        {
            if (IsOfInterest(mm.Vmas.FlagsOf(vma)))
                return true;
        }

        return false;
    }

    /// <summary>The next present anonymous page of a mergeable VMA at or above an address, with a reference.</summary>
    private bool TryNextPage(uint space, ref ulong address, out uint frame)
    {
        frame = 0;
        mm.Spaces.AcquireRead(space);
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, address); vma != 0 && frame == 0; vma = mm.Vmas.Next(vma))
        {
            if (!IsOfInterest(mm.Vmas.FlagsOf(vma)) || mm.Vmas.AnonVmaOf(vma) == 0)
                continue;
            address = Math.Max(address, mm.Vmas[vma].Start);
            frame = TryGetPage(mm.Spaces[space].Root, ref address, mm.Vmas[vma].End);
        }

        mm.Spaces.ReleaseRead(space);
        return frame != 0;
    }

    private uint TryGetPage(uint root, ref ulong address, ulong end)
    {
        ulong span = 1UL << TArch.LevelShift(2);
        while (address < end)
        {
            ulong stop = Math.Min(end, (address & ~(span - 1)) + span);
            uint large = TryGetHugePage(root, address, out bool isLeaf);
            if (large != 0)
                return large;
            if (isLeaf)
                address = stop; // the huge zero page
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address < stop ? address : stop - 1);
            if (guard.Table == 0)
                address = stop;
            for (; address < stop; address += 1UL << TArch.PageShift)
            {
                uint frame = AnonFrame(guard[address].Value);
                if (frame == 0)
                    continue;
                mm.Frames.Get(frame);
                return frame;
            }
        }

        return 0;
    }

    /// <summary>The page that a huge leaf maps at an address, with a reference to its folio; 0 when there is none.</summary>
    private uint TryGetHugePage(uint root, ulong address, out bool isLeaf)
    {
        isLeaf = false;
        if (!mm.Huge.IsMapped(root, address))
            return 0;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        isLeaf = guard.IsLeaf;
        if (!isLeaf || guard.Head == 0)
            return 0;
        mm.Frames.Get(guard.Head);
        return guard.Head + HugePages<TArch, TModel>.PageOf(address);
    }

    private uint AnonFrame(Pte entry)
    {
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1))
            return 0;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        return frame != 0 && mm.Frames.Has(frame, FrameFlags.Anon) ? frame : 0;
    }

    /// <summary>cmp_and_merge_page: what becomes of one page of a scan. The caller has a reference to the frame.</summary>
    private void CompareAndMerge(uint number, uint frame)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        uint node = mm.Frames.Has(frame, FrameFlags.Ksm) ? (uint)Atomic<TModel>.Load(ref mm.Frames[frame].Mapping) : 0;
        uint merged = frame;
        if (node != 0)
        {
            if (item.Node == node)
                return; // joined already (or so it seems, when the number is that of an older node: as in the kernel)
            mm.Frames.Get(frame);
        }
        else
        {
            records.Leave(number);
            ulong checksum = SharedBytes<TModel>.Checksum(mm.Frames.Bytes(frame));
            if (item.Checksum != checksum)
            {
                item.Checksum = checksum; // it changes often, perhaps: let it come to rest
                return;
            }

            node = records.FindMerged(frame, checksum, out merged);
        }

        records.Leave(number);
        if (node == 0)
        {
            MergeWithWaiting(number, frame);
            return;
        }

        if (TryMergeItem(number, frame, merged))
        {
            mm.Frames.Lock(merged);
            records.Join(number, node);
            mm.Frames.Unlock(merged);
        }

        mm.Folios.Put(merged);
    }

    /// <summary>
    /// Merges the page with one of this scan that has the same content, or lets it wait for one. A page on the way there that is gone ends the
    /// search: the next scan tries again.
    /// </summary>
    private void MergeWithWaiting(uint number, uint frame)
    {
        uint other = FindWaiting(number, frame, out uint otherFrame);
        if (other == 0)
            return;
        bool together = mm.Frames.IsLarge(frame) && mm.Frames.HeadOf(frame) == mm.Frames.HeadOf(otherFrame);
        if (!together)
            MergeTwo(number, frame, other, otherFrame);
        mm.Folios.Put(otherFrame);

        // Two references of ours to one folio let no attempt to split it succeed: it is split now and merged by a later scan.
        if (together)
            merger.TrySplit(frame);
    }

    /// <summary>
    /// unstable_tree_search_insert: a waiting item whose page has the content of a frame, with a reference to that page; 0 when there is none, and
    /// then the item waits itself, unless the search ended at a page that is gone or is this very frame, which a fork shares.
    /// </summary>
    private uint FindWaiting(uint number, uint frame, out uint otherFrame)
    {
        uint parent = 0;
        bool lesser = false;
        otherFrame = 0;
        for (uint other = records.FirstWaiting; other != 0; other = records.WaitingBelow(other, lesser))
        {
            otherFrame = TryGetItemPage(other);
            if (otherFrame == 0)
                return 0;
            int order = otherFrame == frame ? 0 : SharedBytes<TModel>.Compare(mm.Frames.Bytes(frame), mm.Frames.Bytes(otherFrame));
            if (order == 0 && otherFrame != frame)
            {
                if (mm.Tags.Identical(frame, otherFrame))
                    return other;
                order = 1; // equal bytes and other metadata: as if it were greater (memcmp_pages on arm64)
            }

            mm.Folios.Put(otherFrame);
            if (order == 0)
                return 0;
            parent = other;
            lesser = order < 0;
        }

        records.Wait(number, parent, lesser);
        return 0;
    }

    /// <summary>This page becomes a KSM frame, the other is replaced by it. If that fails half-way the page is unshared again.</summary>
    private void MergeTwo(uint number, uint frame, uint other, uint otherFrame)
    {
        if (!TryMergeItem(number, frame, 0))
            return;
        if (!TryMergeItem(other, otherFrame, frame))
        {
            Break(number);
            return;
        }

        mm.Frames.Lock(frame);
        uint node = records.TryCreateNode(frame);
        if (node != 0)
        {
            records.Join(other, node);
            records.Join(number, node);
        }

        mm.Frames.Unlock(frame);
        if (node != 0)
            return;
        Break(other);
        Break(number);
    }

    /// <summary>
    /// try_to_merge_with_ksm_page: merges the page of an item, which then has left its tree and has a reference to the VMA's anon_vma.
    /// </summary>
    private bool TryMergeItem(uint number, uint frame, uint merged)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        uint space = TryUse(item.Slot);
        if (space == 0)
            return false;
        mm.Spaces.AcquireRead(space);
        uint vma = FindMergeable(space, item.Address);
        bool done = vma != 0 && merger.TryMerge(vma, item.Address, frame, merged);
        if (done)
        {
            records.Leave(number);
            item.AnonVma = mm.Vmas.AnonVmaOf(vma);
            mm.ReverseMap.TryGet(item.AnonVma); // it lives: the VMA cannot let go of it while we hold the mmap_lock
        }

        mm.Spaces.ReleaseRead(space);
        life.Put(space);
        return done;
    }

    /// <summary>break_cow: the page of an item that is not joined gets a frame of its own.</summary>
    private void Break(uint number)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        records.PutAnonVma(ref item);
        uint space = TryUse(item.Slot);
        if (space == 0)
            return;
        mm.Spaces.AcquireRead(space);
        uint vma = FindMergeable(space, item.Address);
        var uncounted = new FaultCounters();
        if (vma != 0)
            pages.Unmerge(vma, item.Address, item.Address + (1UL << TArch.PageShift), ref uncounted); // if frames ran out, a later scan repairs it
        mm.Spaces.ReleaseRead(space);
        life.Put(space);
    }

    /// <summary>get_mergeable_page: the anonymous page that an item's address shows now, with a reference; 0 when there is none.</summary>
    private uint TryGetItemPage(uint number)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        uint space = TryUse(item.Slot);
        if (space == 0)
            return 0;
        mm.Spaces.AcquireRead(space);
        ulong address = item.Address;
        uint frame = FindMergeable(space, address) == 0
            ? 0
            : TryGetPage(mm.Spaces[space].Root, ref address, address + (1UL << TArch.PageShift));
        mm.Spaces.ReleaseRead(space);
        life.Put(space);
        return frame;
    }

    private uint FindMergeable(uint space, ulong address)
    {
        uint vma = mm.Vmas.Find(space, address);
        return vma != 0 && IsOfInterest(mm.Vmas.FlagsOf(vma)) && mm.Vmas.AnonVmaOf(vma) != 0 ? vma : 0;
    }

    private uint UnmergeSlot(uint slot, ref MmResult result)
    {
        uint space = TryUse(slot);
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
        mm.Spaces.AcquireRead(space);
        MmResult result = MmResult.Ok;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0 && result == MmResult.Ok; vma = mm.Vmas.Next(vma))
        {
            var uncounted = new FaultCounters();
            if (IsOfInterest(mm.Vmas.FlagsOf(vma)) && mm.Vmas.AnonVmaOf(vma) != 0)
                result = pages.Unmerge(vma, mm.Vmas[vma].Start, mm.Vmas[vma].End, ref uncounted);
        }

        mm.Spaces.ReleaseRead(space);
        return result;
    }
}
