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
/// <para>Order for a batch, with the area pinned: table's lock → for each: the entry, whose slot's only reference becomes a pin (F) → frames,
/// frozen → for each: content → for each: record, the frame's reference, entry → counters, lists. Then without the lock: the slots are free.</para>
/// <para>Protected by (b), from before the content is read until after the table is unlocked, as in <c>HandleDirect</c>; and what the entry names is
/// sure by (d). The frames need no lock: nobody finds them before their reference is there, which is the last that is stored before the entry. Nobody
/// waits for anything but the lists' and the cluster's lock while it has a pin here, so that who waits for the end of the pin does not wait for
/// itself.</para>
/// </remarks>
public sealed partial class SwapInFault<TArch, TModel>
{
    private const int LargestRun = 32;

    private static bool TakesRuns =>
        TModel.TakesShortcuts && TModel.DirectSwapIn == DirectSwapIn.PinSlot && TModel.SwapInRelease == SwapInRelease.BeforeMapping
        && TModel.SwapInPinsArea && !TModel.TrustsLookupResult && !PageTags<TArch, TModel>.IsOn && !LeafTags<TArch, TModel>.IsOn;

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
            var run = new Run(stackalloc Pte[most], stackalloc SwapEntry[most], stackalloc SwapSlotWord[most], stackalloc uint[most]);
            int done = FetchAndMap(fault, first.Type, run, touch);
            mm.Swap.FreeFetched(run.Slots[..done]);
            return done;
        }
        finally
        {
            mm.Swap.UnpinArea(first); // also when a damaged image throws: swapoff waits for it
        }
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
    private int FetchAndMap(in Fault fault, uint type, in Run run, bool touch)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        int fetched = guard.Table == 0 ? 0 : Fetch(guard.Table, fault.Address, type, run);
        int count = mm.Folios.Allocator.TryAllocateFrozen(run.Frames[..fetched]);
        int done = count == 0 ? 0 : mm.Swap.ReadFetched(run.Slots[..count], run.Words[..count], run.Frames[..count]);
        mm.Folios.Allocator.FreeFrozen(run.Frames[done..count]);
        for (int i = done; i < fetched; i++)
            mm.Swap.PutBackFetched(run.Slots[i], run.Words[i]); // no frame, or no storage: the long way tells what comes of that
        if (done == 0)
            return 0;
        Map(guard, fault, run, done);
        mm.Folios.Lru.AddFlagged(run.Frames[..done]); // before the lock goes: who unmaps a page must find it
        for (int i = 0; touch && i < done; i++)
            mm.Folios.Lru.MarkAccessed(run.Frames[i]);
        return done;
    }

    /// <summary>
    /// Makes the references of neighbouring entries of a locked table pins; ends in front of the first that cannot be, or names another area.
    /// </summary>
    private int Fetch(uint table, ulong address, uint type, in Run run)
    {
        ref ulong word = ref mm.Tables.Entry(table, address);
        int fetched = 0;
        for (; fetched < run.Entries.Length; fetched++)
        {
            Pte entry = PageTables<TArch, TModel>.Load(ref word);
            if (!IsSwap(entry, out SwapEntry slot) || slot.Type != type || !mm.Swap.TryFetch(slot, out run.Words[fetched]))
                break;
            run.Entries[fetched] = entry;
            run.Slots[fetched] = slot;
            word = ref Unsafe.Add(ref word, 1); // safe: the run ends in the table
        }

        return fetched;
    }

    private void Map(in TableGuard<TArch, TModel> guard, in Fault fault, in Run run, int count)
    {
        const FrameFlags Flags = FrameFlags.SwapBacked | FrameFlags.Uptodate | FrameFlags.Lru;
        uint anonVma = mm.Vmas.AnonVmaOf(fault.Vma);
        ulong index = mm.Vmas.LinearIndex(fault.Vma, fault.Address);
        for (int i = 0; i < count; i++)
            mm.Rmap.AddFrozen(run.Frames[i], anonVma, index + (ulong)i, Flags);
        mm.Swap.WorkingSet.Refault(run.Frames[..count], run.Words[..count]);

        ulong address = fault.Address;
        for (int i = 0; i < count; i++, address += 1UL << TArch.PageShift)
        {
            bool write = fault.HasAny(FaultFlags.Write);
            Pte entry = BuildEntry(fault, run.Entries[i], run.Frames[i], exclusive: true, ref write);
            mm.Frames.Unfreeze(run.Frames[i], 1);
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
