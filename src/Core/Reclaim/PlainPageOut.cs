using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Reclaims the pages that nearly all of what is paged out are, many under one hold of each lock: base pages of anonymous memory to which an entry
/// has the only reference, while swap is less than half full and lies in memory (<see cref="IModel.TakesShortcuts"/>).
/// </summary>
/// <remarks>
/// <para>What <see cref="Reclaimer{TArch, TModel}"/> does to such a page step by step (folio lock, slot, swap cache, reverse map, write, freeze)
/// is done here where nobody can watch: the entry is cleared, a full fence; then its reference, the only one, is frozen. From there on the frame is
/// the caller's. Who walked to it without a lock finds no reference to be had, or the entry changed; who had one before makes the freezing fail, and
/// the page goes the long way. Nobody holds the lock of a folio without a reference to it.</para>
/// <para>Order for a batch, with the table locked: clear and freeze each → reserve as many slots → swapoff list, count of swap entries → for each:
/// write, slot in use with one reference, swap entry. Then without the lock: off the lists, free. A reserved slot is pinned, so that nobody else
/// reads, binds or counts it, and in use, so that its area stays.</para>
/// <para>Table lock → swap cluster inside; the lists' and the allocator's locks when the table's is given back.</para>
/// </remarks>
internal sealed class PlainPageOut<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Pages for which a table stays locked (SWAP_CLUSTER_MAX).</summary>
    internal const int LargestBatch = 32;

    private const FrameFlags Needed = FrameFlags.Anon | FrameFlags.SwapBacked;

    private const FrameFlags Allowed = Needed | FrameFlags.Lru | FrameFlags.AnonExclusive | FrameFlags.Uptodate | FrameFlags.Dirty | FrameFlags.Active
        | FrameFlags.Referenced | FrameFlags.Readahead | FrameFlags.LruKindMask;

    private readonly MmContext<TArch, TModel> mm;
    private readonly uint scope;

    /// <param name="mm">The machine.</param>
    /// <param name="scope">On whose behalf: <see cref="ScanControl"/>.</param>
    internal PlainPageOut(MmContext<TArch, TModel> mm, uint scope)
    {
        this.mm = mm;
        this.scope = scope;
    }

    /// <summary>Whether all that a page goes through in this model is what happens here.</summary>
    private static bool IsOn =>
        TModel.TakesShortcuts && TModel.UnmapFences && TModel.NewSlotMakesDirty && !PageTags<TArch, TModel>.IsOn && !LeafTags<TArch, TModel>.IsOn;

    /// <summary>Reclaims pages of one table from an address on. The caller holds the mmap_lock.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="address">First address.</param>
    /// <param name="stop">First address behind; in or right behind what the table covers.</param>
    /// <returns>Where it ended: at a page that is not plain, or <paramref name="stop"/>.</returns>
    internal ulong Reclaim(uint space, ulong address, ulong stop)
    {
        if (!IsOn)
            return address;
        Span<Evicted> pages = stackalloc Evicted[LargestBatch];
        Span<uint> frames = stackalloc uint[LargestBatch];
        for (bool goesOn = true; goesOn && address < stop;)
        {
            int most = (int)Math.Min((stop - address) >> TArch.PageShift, LargestBatch);
            if (!mm.Swap.TakesReserved(most))
                break;
            int count = ReclaimBatch(space, ref address, stop, pages[..most], out goesOn);
            for (int i = 0; i < count; i++)
                frames[i] = pages[i].Frame;
            mm.Folios.FreeFrozen(frames[..count]);
        }

        return address;
    }

    /// <summary>Evicts pages and leaves their frames to the caller, frozen.</summary>
    private int ReclaimBatch(uint space, ref ulong address, ulong stop, Span<Evicted> pages, out bool goesOn)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(mm.Spaces[space].Root, address);
        int count = guard.Table != 0 ? Take(guard, ref address, stop, pages) : 0;
        goesOn = count == pages.Length;
        if (count == 0)
            return 0;
        Span<SwapEntry> slots = stackalloc SwapEntry[LargestBatch];
        int reserved = mm.Swap.TryReserve(slots[..count]);
        mm.Spaces.AddToMmList(space); // before an entry is published: swapoff must be able to find it
        Atomic<TModel>.Add(ref mm.Spaces[space].SwapEntries, reserved);
        int done = Write(guard, pages[..reserved], slots);
        Atomic<TModel>.Add(ref mm.Spaces[space].AnonPages, -done);
        if (done == count)
            return count;
        goesOn = false; // no slot, or no room for the content: the long way tells what comes of that
        address = pages[done].Address;
        PutBack(guard, pages[done..count]);
        Atomic<TModel>.Add(ref mm.Spaces[space].SwapEntries, done - reserved);
        foreach (SwapEntry slot in slots[done..reserved])
            mm.Swap.UnpinSlot(slot);
        return done;
    }

    /// <summary>Clears the entries of plain pages and freezes these, from an address on; ends at another page, or when there are enough.</summary>
    private int Take(in TableGuard<TArch, TModel> guard, ref ulong address, ulong stop, Span<Evicted> pages)
    {
        int count = 0;
        ref ulong word = ref mm.Tables.Entry(guard.Table, address);
        for (; address < stop && count < pages.Length; address += 1UL << TArch.PageShift)
        {
            var leaf = new Leaf<TArch, TModel>(ref word, address);
            word = ref Unsafe.Add(ref word, 1); // safe: stop lies in or right behind the table
            Pte entry = leaf.Value;
            if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || MmContext<TArch, TModel>.NormalFrame(entry) is not (not 0 and var frame))
                continue;
            ref FrameRecord record = ref mm.Frames[frame];
            var flags = (FrameFlags)Atomic<TModel>.Load(ref record.Flags);
            if ((flags & ~Allowed) != 0 || (flags & Needed) != Needed)
                break;
            if (Atomic<TModel>.Load(ref record.MapCount) != 1 || (flags & FrameFlags.Lru) == 0)
                continue; // not to be had, as the long way finds too
            if (Atomic<TModel>.Load(ref record.RefCount) != 1)
                break;
            entry = leaf.ClearPresent();
            if (Atomic<TModel>.CompareExchange(ref record.RefCount, 0, 1) != 1)
            {
                leaf.SetPresent(entry); // somebody took hold of it just before
                break;
            }

            pages[count++] = new Evicted(address, entry, frame, (flags & FrameFlags.AnonExclusive) != 0);
        }

        return count;
    }

    /// <summary>Writes frozen pages to their slots and publishes the entries; returns how many went.</summary>
    private int Write(in TableGuard<TArch, TModel> guard, ReadOnlySpan<Evicted> pages, ReadOnlySpan<SwapEntry> slots)
    {
        uint age = mm.Swap.WorkingSet.Age(scope, (uint)pages.Length);
        int done = 0;
        int written = 0;
        foreach (Evicted page in pages)
        {
            if (done + 1 < pages.Length)
                Prefetch.HalfPage(mm.Frames.Bytes(pages[done + 1].Frame));
            if (!mm.Swap.TryFillReserved(slots[done], page.Frame, WorkingSet<TModel>.Shadow(scope, age++), ref written))
                break;
            Atomic<TModel>.Store(ref mm.Frames[page.Frame].MapCount, 0);
            LeafOperations<TArch, TModel>.Remember(guard[page.Address], page.Previous, slots[done], page.WasExclusive);
            done++;
        }

        mm.Swap.CountWritten(written);
        return done;
    }

    private void PutBack(in TableGuard<TArch, TModel> guard, ReadOnlySpan<Evicted> pages)
    {
        foreach (Evicted page in pages)
        {
            mm.Frames.Unfreeze(page.Frame, 1);
            guard[page.Address].SetPresent(page.Previous);
        }
    }

    /// <summary>A frozen page whose entry is clear.</summary>
    private readonly record struct Evicted(ulong Address, Pte Previous, uint Frame, bool WasExclusive);
}
