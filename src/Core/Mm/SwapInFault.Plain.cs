using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Mm;

/// <content>
/// What nearly all of what is swapped out are, many under one hold of each lock, for whoever wants a range of pages in memory: pages whose slot lies
/// in memory, is named by their entry only and has no folio in the swap cache. What each is and where it lies afterwards is what <c>HandleDirect</c>
/// leaves (<see cref="IModel.TakesShortcuts"/>).
/// </content>
/// <remarks>
/// <para>Order for a batch, with the area pinned: frames, frozen → table's lock → for each: the entry is the one that was seen, its slot's only
/// reference becomes a pin (F) → for each: content → for each: record, the frame's reference, entry → counters, lists. Then without the lock: the
/// slots are free.</para>
/// <para>Protected by (b), from before the content is read until after the table is unlocked, as in <c>HandleDirect</c>. The frames need no lock:
/// nobody finds them before their reference is there, which is the last that is stored before the entry. Nobody waits for anything but the lists' and
/// the cluster's lock while it has a pin here, so that who waits for the end of the pin with the mmap_lock held does not wait for itself.</para>
/// </remarks>
public sealed partial class SwapInFault<TArch, TModel>
{
    private const int LargestRun = 32;

    private static bool TakesRuns =>
        TModel.TakesShortcuts && TModel.DirectSwapIn == DirectSwapIn.PinSlot && TModel.SwapInRelease == SwapInRelease.BeforeMapping
        && !TModel.TrustsLookupResult && !PageTags<TArch, TModel>.IsOn && !LeafTags<TArch, TModel>.IsOn;

    /// <summary>Brings in pages from the address of a fault on. The caller holds the mmap_lock, and the VMA allows the access.</summary>
    /// <param name="fault">The first of the faults.</param>
    /// <param name="end">First address behind them; at most the end of the VMA.</param>
    /// <param name="touch">Whether the pages count as used.</param>
    /// <returns>How many it were: those in front of the first page that is not plain.</returns>
    internal int HandleRun(in Fault fault, ulong end, bool touch)
    {
        if (!TakesRuns || !HasPlainPages(fault.Vma))
            return 0;
        int total = 0;
        for (ulong address = fault.Address; address < end;)
        {
            int done = HandleBatch(fault with { Address = address }, Math.Min(end, Zapper<TArch, TModel>.TableEnd(address)), touch);
            if (done == 0)
                break;
            total += done;
            address += (ulong)done << TArch.PageShift;
        }

        return total;
    }

    /// <summary>
    /// Whether a page of the VMA is writable at once, because nobody watches its stores, belongs to no group, and comes in without others.
    /// </summary>
    private bool HasPlainPages(uint vma)
    {
        VmaFlags flags = mm.Vmas.FlagsOf(vma);
        return mm.Vmas[vma].Uffd == 0 && !MmContext<TArch, TModel>.TracksSoftDirty(flags) && mm.GroupOf(mm.Vmas[vma].AddressSpace) == 0
            && mm.Orders.AllowedBelowHuge(flags) == 0;
    }

    private int HandleBatch(in Fault fault, ulong end, bool touch)
    {
        uint table = mm.Tables.LeafTable(fault.Root, fault.Address);
        if (table == 0 || !IsSwap(PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, fault.Address)), out SwapEntry first))
            return 0;
        if (!mm.Swap.GivesFetched(first.Type) || !mm.Swap.TryPinArea(first))
            return 0;
        try
        {
            int most = Math.Min((int)Math.Min((end - fault.Address) >> TArch.PageShift, LargestRun), mm.Folios.Lru.RoomForArrivals);
            return HandleRunPinned(fault, table, touch, new Run(
                stackalloc Pte[most], stackalloc SwapEntry[most], stackalloc SwapSlotWord[most], stackalloc uint[most]));
        }
        finally
        {
            mm.Swap.UnpinArea(first); // also when a damaged image throws: swapoff waits for it
        }
    }

    private int HandleRunPinned(in Fault fault, uint table, bool touch, Run run)
    {
        int seen = LookAhead(fault, table, run);
        seen = mm.Folios.Allocator.TryAllocateFrozen(run.Frames[..seen]);
        if (seen == 0)
            return 0;
        int done = ReadAndMap(fault, run, seen, touch);
        if (done != 0)
            mm.Swap.FreeFetched(run.Slots[..done]);
        if (done < seen)
            mm.Folios.Allocator.Free(run.Frames[done..seen]);
        return done;
    }

    /// <summary>
    /// How many entries name slots of one area that can be fetched. What is seen here without the lock decides only how many frames are asked for.
    /// </summary>
    private int LookAhead(in Fault fault, uint table, in Run run)
    {
        ref ulong word = ref mm.Tables.Entry(table, fault.Address);
        int count = 0;
        for (; count < run.Entries.Length; count++)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (!IsSwap(entry, out SwapEntry slot) || !mm.Swap.IsFetchable(slot) || (count != 0 && slot.Type != run.Slots[0].Type))
                break;
            run.Entries[count] = entry;
            run.Slots[count] = slot;
            word = ref Unsafe.Add(ref word, 1); // safe: the run ends in the table
        }

        return count;
    }

    private bool IsSwap(Pte entry, out SwapEntry slot)
    {
        slot = default;
        if (TArch.IsNone(entry, 1) || TArch.IsPresent(entry, 1) || mm.Decode(entry) is not { Kind: SoftLeafKind.Swap } leaf)
            return false;
        slot = new SwapEntry(leaf.Type, leaf.Offset);
        return true;
    }

    /// <summary>Returns how many pages are mapped; their slots are still pinned.</summary>
    private int ReadAndMap(in Fault fault, in Run run, int count, bool touch)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        int fetched = guard.Table == 0 ? 0 : Fetch(guard, fault.Address, run, count);
        int done = ReadFetched(run, fetched);
        for (int i = done; i < fetched; i++)
            mm.Swap.PutBackFetched(run.Slots[i], run.Words[i]);
        if (done == 0)
            return 0;
        Map(guard, fault, run, done);
        mm.Folios.Lru.AddFlagged(run.Frames[..done]); // before the lock goes: who unmaps a page must find it
        for (int i = 0; touch && i < done; i++)
            mm.Folios.Lru.MarkAccessed(run.Frames[i]);
        return done;
    }

    private int Fetch(in TableGuard<TArch, TModel> guard, ulong address, in Run run, int count)
    {
        int fetched = 0;
        for (; fetched < count; fetched++, address += 1UL << TArch.PageShift)
        {
            if (guard[address].Value != run.Entries[fetched] || !mm.Swap.TryFetch(run.Slots[fetched], out run.Words[fetched]))
                break;
        }

        return fetched;
    }

    private int ReadFetched(in Run run, int count)
    {
        int read = 0;
        int done = 0;
        for (; done < count; done++)
        {
            if (done + 1 < count)
                mm.Swap.Prefetch(run.Slots[done + 1]);
            if (!mm.Swap.TryReadFetched(run.Slots[done], run.Words[done], run.Frames[done], ref read))
                break;
        }

        mm.Swap.CountRead(read);
        return done;
    }

    private void Map(in TableGuard<TArch, TModel> guard, in Fault fault, in Run run, int count)
    {
        const FrameFlags Flags = FrameFlags.SwapBacked | FrameFlags.Uptodate | FrameFlags.Lru;
        uint anonVma = mm.Vmas.AnonVmaOf(fault.Vma);
        ulong index = mm.Vmas.LinearIndex(fault.Vma, fault.Address);
        ulong address = fault.Address;
        for (int i = 0; i < count; i++, address += 1UL << TArch.PageShift)
        {
            uint frame = run.Frames[i];
            bool write = fault.HasAny(FaultFlags.Write);
            Pte entry = BuildEntry(fault, run.Entries[i], frame, exclusive: true, ref write);
            mm.Rmap.AddFrozen(frame, anonVma, index + (ulong)i, Flags);
            mm.Swap.WorkingSet.Refault(frame, run.Words[i].Payload);
            mm.Frames.Unfreeze(frame, 1);
            mm.Leaves.Resolve(guard[address], entry);
        }

        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        Atomic<TModel>.Add(ref space.AnonPages, count);
        Atomic<TModel>.Add(ref space.SwapEntries, -count);
    }

    /// <summary>Entries that follow each other, what they name, how that was when it was fetched, and frames for them.</summary>
    private readonly ref struct Run(Span<Pte> entries, Span<SwapEntry> slots, Span<SwapSlotWord> words, Span<uint> frames)
    {
        internal readonly Span<Pte> Entries = entries;
        internal readonly Span<SwapEntry> Slots = slots;
        internal readonly Span<SwapSlotWord> Words = words;
        internal readonly Span<uint> Frames = frames;
    }
}
