using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.Readahead;

/// <summary>
/// Brings slots into the swap cache, neighbours of the wanted one included (mm/swap_state.c swapin_readahead): those of neighbouring virtual
/// addresses, or, with a rotational area, neighbouring slots.
/// </summary>
/// <remarks>
/// <para>What is read ahead is only put into the swap cache, unlocked and unmapped: whoever wants it later looks it up, locks it and verifies the
/// binding. So a neighbour that is freed, re-issued or brought in by somebody else meanwhile costs a read at most.</para>
/// <para>The caller holds no lock but the mmap_lock, and has pinned the area of the wanted slot. A neighbouring entry may name another area, which
/// nothing keeps: it is pinned for the read, or skipped.</para>
/// </remarks>
/// <example>
/// <code>
/// machine.ReclaimAll();
/// SwapEntry slot = machine.PageMap.Look(process, address).Slot;
/// var readahead = new SwapReadahead&lt;X64FourLevel, Mainline&gt;(machine.Context);
/// uint frame = readahead.ReadOne(slot, out bool wasRead); // in the swap cache now; the next fault finds it there
/// if (frame != 0)
///     machine.Context.Folios.Put(frame);
/// </code>
/// </example>
public sealed class SwapReadahead<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the operations of a machine.</summary>
    public SwapReadahead(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
    }

    private ClusterReadahead<TModel> State => mm.Swap.Readahead;

    /// <summary>
    /// The folio of a faulting entry's slot, with its neighbours read if that seems worth it; unlocked, with a reference. 0 when the slot has no
    /// user any more, or no frame was free.
    /// </summary>
    /// <param name="fault">The fault.</param>
    /// <param name="entry">The slot; its area is pinned by the caller.</param>
    /// <param name="read">Whether this call read it.</param>
    public uint Read(in Fault fault, SwapEntry entry, out bool read)
    {
        if (State.PageCluster == 0)
            return ReadOne(entry, out read);
        return State.IsByAddress ? ReadAround(fault, entry, out read) : ReadBlock(entry, out read);
    }

    /// <summary>As <see cref="Read"/>, with neighbouring slots whatever the areas are: for pages that have no virtual address (shmem).</summary>
    public uint ReadBlock(SwapEntry entry, out bool read)
    {
        read = false;
        (ulong first, ulong last) = State.NextBlock(entry);
        for (ulong offset = first; offset <= last && first != last; offset++)
            ReadNeighbour(new SwapEntry(entry.Type, offset), entry, ref read);
        return Finish(entry, first != last, ref read);
    }

    /// <summary>The folio of a slot alone (read_swap_cache_async); unlocked, with a reference. 0 as in <see cref="Read"/>.</summary>
    public uint ReadOne(SwapEntry entry, out bool read)
    {
        read = false;
        while (true)
        {
            uint found = mm.Swap.Lookup(entry);
            if (found != 0)
                return found;
            if (mm.Swap.Count(entry) == 0)
                return 0;
            uint frame = mm.TryAllocateFor(entry);
            if (frame == 0)
                return 0;
            mm.Frames.Lock(frame);
            mm.Frames.Set(frame, FrameFlags.SwapBacked);
            SwapResult added = mm.Swap.TryAddToCache(entry, frame);
            if (added == SwapResult.Ok)
            {
                mm.Folios.Lru.Add(frame);
                mm.Swap.Read(entry, frame);
                mm.Frames.Unlock(frame);
                read = true;
                return frame;
            }

            mm.Frames.Unlock(frame);
            mm.Folios.Put(frame);
            if (added != SwapResult.Exists)
                return 0;
            mm.Swap.WaitWhilePinned(entry); // somebody binds or pins the slot: look again when that is over
        }
    }

    /// <summary>
    /// Takes note that a fault found its folio in the swap cache (swap_update_readahead): pages that were read ahead and are used make the next
    /// window larger.
    /// </summary>
    public void NoteFound(in Fault fault, uint cached)
    {
        if (State.PageCluster == 0 || mm.Frames.IsLarge(cached))
            return;
        bool byAddress = State.IsByAddress;
        bool hit = NoteHit(cached, byAddress);
        if (!byAddress)
            return;
        ref ulong word = ref mm.Vmas[fault.Vma].SwapReadahead;
        VmaReadahead last = VmaReadahead.Decode(Atomic<TModel>.Load(ref word), TArch.PageShift);
        Atomic<TModel>.Store(ref word, new VmaReadahead(fault.Address, last.Window, last.Hits + (hit ? 1u : 0)).Encode(TArch.PageShift));
    }

    /// <summary>As <see cref="NoteFound(in Fault, uint)"/> for a page of a shared object, whose windows go over slots.</summary>
    public void NoteFound(uint cached)
    {
        if (State.PageCluster != 0 && !mm.Frames.IsLarge(cached))
            NoteHit(cached, byAddress: false);
    }

    private bool NoteHit(uint cached, bool byAddress)
    {
        if (!mm.Frames.Has(cached, FrameFlags.Readahead))
            return false;
        if ((mm.Frames.Clear(cached, FrameFlags.Readahead) & FrameFlags.Readahead) == 0)
            return false; // another fault was faster
        State.CountHit(byAddress);
        return true;
    }

    private uint ReadAround(in Fault fault, SwapEntry entry, out bool read)
    {
        read = false;
        uint table = mm.Tables.LeafTable(fault.Root, fault.Address);
        (ulong start, ulong end) = NextWindow(fault);
        bool several = table != 0 && end - start > 1UL << TArch.PageShift;
        for (ulong address = start; address < end && several; address += 1UL << TArch.PageShift)
        {
            Pte value = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
            if (TArch.IsNone(value, 1) || TArch.IsPresent(value, 1) || mm.Decode(value) is not { Kind: SoftLeafKind.Swap } soft)
                continue;
            var slot = new SwapEntry(soft.Type, soft.Offset);
            bool pins = slot.Type != entry.Type && TModel.ReadaheadPinsOtherArea;
            if (pins && !mm.Swap.TryPinArea(slot))
                continue; // that area was removed after we read the entry
            ReadNeighbour(slot, entry, ref read);
            if (pins)
                mm.Swap.UnpinArea(slot);
        }

        return Finish(entry, several, ref read);
    }

    /// <summary>The window of a fault, cut to its VMA and page table; remembered in the VMA.</summary>
    private (ulong Start, ulong End) NextWindow(in Fault fault)
    {
        ref Vma vma = ref mm.Vmas[fault.Vma];
        VmaReadahead last = VmaReadahead.Decode(Atomic<TModel>.Load(ref vma.SwapReadahead), TArch.PageShift);
        ulong page = fault.Address >> TArch.PageShift;
        ulong previous = last.Address >> TArch.PageShift;
        uint largest = 1u << Math.Min(State.PageCluster, ReadaheadWindow.LargestOrder);
        uint pages = ReadaheadWindow.Pages(previous, page, last.Hits, largest, last.Window);
        Atomic<TModel>.Store(ref vma.SwapReadahead, new VmaReadahead(fault.Address, pages, 0).Encode(TArch.PageShift));
        (ulong first, ulong end) = ReadaheadWindow.Around(previous, page, pages);
        ulong tableEnd = Zapper<TArch, TModel>.TableEnd(fault.Address);
        ulong tableStart = tableEnd - (1UL << TArch.LevelShift(2));
        return (Math.Max(Math.Max(first << TArch.PageShift, vma.Start), tableStart), Math.Min(Math.Min(end << TArch.PageShift, vma.End), tableEnd));
    }

    /// <summary>Reads one slot of a window; a neighbour is marked, so that its use is noticed.</summary>
    private void ReadNeighbour(SwapEntry slot, SwapEntry wanted, ref bool read)
    {
        uint frame = ReadOne(slot, out bool readNow);
        if (frame == 0)
            return;
        if (slot == wanted)
        {
            read |= readNow;
        }
        else if (readNow)
        {
            mm.Frames.Set(frame, FrameFlags.Readahead);
            State.CountRead();
        }

        mm.Folios.Put(frame);
    }

    /// <summary>
    /// Looks the wanted folio up, which reclaim may have taken again. After a window the processor's LRU batch is drained, so that the folios just
    /// read have no reference by it; after a single read it is not.
    /// </summary>
    private uint Finish(SwapEntry entry, bool several, ref bool read)
    {
        if (several)
            mm.Folios.Allocator.AdvanceEpoch();
        uint frame = ReadOne(entry, out bool readNow);
        read |= readNow;
        return frame;
    }
}
