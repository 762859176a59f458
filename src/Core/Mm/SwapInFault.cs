using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <summary>
/// Brings a swapped-out page back (mm/memory.c do_swap_page), in the order of Linux 6.18.
/// </summary>
/// <remarks>
/// <para>Comparing the entry with the one the fault started from proves nothing by itself: the slot might have been freed and handed out
/// again meanwhile, for a page of the same entry. What makes the comparison a proof is one of four things that keep the slot from being
/// re-issued: (a) the folio bound to it is locked by us and the binding was verified after locking; (b) we hold a pin on the slot;
/// (c) the area no longer hands out slots; (d) the table was locked since the entry was read. Each path says which one it has.</para>
/// <para>Two ways in. A slot of a synchronous area with a single swap reference and no folio in the cache is read into a private folio that
/// never enters the cache, under (b). Everything else goes through the swap cache, under (a).</para>
/// </remarks>
public sealed class SwapInFault<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly WriteProtectFault<TArch, TModel> writeProtect;

    /// <summary>Makes the handler of a machine.</summary>
    public SwapInFault(MmContext<TArch, TModel> mm, WriteProtectFault<TArch, TModel> writeProtect)
    {
        this.mm = mm;
        this.writeProtect = writeProtect;
    }

    /// <summary>Handles a fault on a swap entry.</summary>
    public FaultResult Handle(in Fault fault, Pte expected, in SoftLeaf leaf)
    {
        var entry = new SwapEntry(leaf.Type, leaf.Offset);
        if (!mm.Swap.TryPinArea(entry))
            return FaultResult.None; // swapoff was faster: the entry has changed or is about to
        FaultResult result = HandlePinned(fault, expected, entry);
        mm.Swap.UnpinArea(entry);
        return result;
    }

    /// <summary>
    /// The folio of a slot from the swap cache, read from the area if it is not there (read_swap_cache_async); unlocked, with a reference.
    /// 0 when the slot has no user any more, or no frame was free.
    /// </summary>
    /// <param name="entry">The slot; its area is pinned by the caller.</param>
    /// <param name="read">Whether this call read it.</param>
    public uint ReadIntoCache(SwapEntry entry, out bool read)
    {
        read = false;
        while (true)
        {
            uint found = mm.Swap.Lookup(entry);
            if (found != 0)
                return found;
            if (mm.Swap.Count(entry) == 0)
                return 0;
            uint frame = mm.Folios.TryAllocate();
            if (frame == 0)
                return 0;
            mm.Frames.Lock(frame);
            mm.Frames.Set(frame, FrameFlags.SwapBacked);
            SwapResult added = mm.Swap.TryAddToCache(entry, frame);
            if (added == SwapResult.Ok)
            {
                mm.Swap.Read(entry, frame);
                mm.Folios.AddToLru(frame);
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
    /// Maps a page for swapoff (unuse_pte): from the locked, up-to-date folio of its slot, read-only and old. An entry that does not name the
    /// slot any more is left alone.
    /// </summary>
    /// <returns>False only when a frame for a copy could not be had.</returns>
    public bool TryRestore(in Fault fault, SwapEntry entry, uint cached)
    {
        if (!mm.Swap.IsBound(cached, entry))
            return true; // let go of meanwhile: the next round looks again
        uint frame = KsmCopyIfNeeded(fault, cached);
        if (frame == 0)
            return false;
        bool restored = false;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address))
        {
            if (guard.Table != 0 && Names(guard[fault.Address].Value, entry))
            {
                restored = mm.Frames.Has(frame, FrameFlags.Uptodate);
                if (restored)
                    Restore(fault, guard[fault.Address], entry, frame, cached);
                else
                    Poison(fault, guard[fault.Address], entry);
            }
        }

        if (frame == cached)
            return true;
        mm.Frames.Unlock(frame);
        if (!restored)
            mm.Folios.Put(frame);
        return true;
    }

    /// <summary>Whether an entry names a slot, whatever its marks say (pte_same_as_swp).</summary>
    private bool Names(Pte value, SwapEntry entry) =>
        !TArch.IsNone(value, 1) && !TArch.IsPresent(value, 1)
        && mm.Decode(value) is { Kind: SoftLeafKind.Swap } soft && new SwapEntry(soft.Type, soft.Offset) == entry;

    private void Restore(in Fault fault, Leaf<TArch, TModel> leaf, SwapEntry entry, uint frame, uint cached)
    {
        Pte old = leaf.Value;
        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        Atomic<TModel>.Add(ref space.AnonPages, 1);
        Atomic<TModel>.Add(ref space.SwapEntries, -1);
        if (frame == cached)
            mm.Frames.Get(frame); // the mapping's reference; a copy comes with its own
        AddMapping(fault, frame, cached, TArch.IsSwapExclusive(old));

        Pte present = TArch.MakeOld(TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(fault.Vma)), 1));
        if (TArch.IsSwapSoftDirty(old))
            present = TArch.MakeSoftDirty(present);
        if (TArch.IsSwapUffdWp(old))
            present = TArch.MakeUffdWp(present);
        mm.Leaves.Restore(leaf, entry, frame, present);
    }

    /// <summary>The content could not be read: the entry remembers that, instead of the slot.</summary>
    private void Poison(in Fault fault, Leaf<TArch, TModel> leaf, SwapEntry entry)
    {
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace].SwapEntries, -1);
        mm.Leaves.Poison(leaf, entry, SoftLeaf.OfMarker(PteMarkers.Poisoned).Encode<TArch>(mm.SwapTypes));
    }

    private FaultResult HandlePinned(in Fault fault, Pte expected, SwapEntry entry)
    {
        uint cached = mm.Swap.Lookup(entry);
        if (cached != 0)
            return HandleCached(fault, expected, entry, cached, FaultResult.None);
        if (mm.Swap.IsSynchronous(entry) && mm.Swap.Count(entry) == 1)
            return HandleDirect(fault, expected, entry);
        cached = ReadIntoCache(entry, out bool read);
        if (cached == 0)
            return IsUnchanged(fault, expected) ? FaultResult.OutOfMemory : FaultResult.None;
        FaultResult major = read ? FaultResult.Major : FaultResult.None;
        bool mayRetry = (fault.Flags & (FaultFlags.AllowRetry | FaultFlags.Tried)) == FaultFlags.AllowRetry;
        if (!read || mm.Swap.IsSynchronous(entry) || mm.Swap.IsZero(entry) || !mayRetry)
            return HandleCached(fault, expected, entry, cached, major);

        // The read of an asynchronous device is waited for without the mmap_lock: the caller comes back with Tried set.
        mm.Folios.Put(cached);
        return FaultResult.Major | FaultResult.Retry;
    }

    private bool IsUnchanged(in Fault fault, Pte expected)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        return guard.Table != 0 && guard[fault.Address].Value == expected;
    }

    /// <summary>Protected by (b): the slot is pinned from before the read until after the table is unlocked.</summary>
    private FaultResult HandleDirect(in Fault fault, Pte expected, SwapEntry entry)
    {
        uint frame = mm.Folios.TryAllocate();
        if (frame == 0)
            return FaultResult.OutOfMemory;
        if (mm.Swap.TryPinSlot(entry) != SwapResult.Ok)
        {
            mm.Swap.WaitWhilePinned(entry); // somebody else brings the page in; the access is tried again after
            mm.Folios.Put(frame);
            return FaultResult.None;
        }

        mm.Frames.Lock(frame);
        mm.Frames.Set(frame, FrameFlags.SwapBacked);
        mm.Folios.AddToLru(frame);
        mm.Swap.Read(entry, frame);
        FaultResult result = MapLocked(fault, expected, entry, frame, cache: 0);
        mm.Swap.UnpinSlot(entry);
        return result | FaultResult.Major;
    }

    /// <summary>Protected by (a): look up, lock, verify. The reference alone would not keep the slot.</summary>
    private FaultResult HandleCached(in Fault fault, Pte expected, SwapEntry entry, uint cached, FaultResult major)
    {
        mm.Frames.Lock(cached);
        if (!mm.Swap.IsBound(cached, entry))
        {
            mm.Frames.Unlock(cached);
            mm.Folios.Put(cached);
            return major;
        }

        uint frame = KsmCopyIfNeeded(fault, cached);
        if (frame == 0)
        {
            mm.Frames.Unlock(cached);
            mm.Folios.Put(cached);
            return FaultResult.OutOfMemory;
        }

        FaultResult result = MapLocked(fault, expected, entry, frame, cached);
        if (frame != cached)
        {
            // The original was kept locked until the copy's swap reference was gone; else the slot could have been re-issued before.
            mm.Frames.Unlock(cached);
            mm.Folios.Put(cached);
        }

        return result | major;
    }

    /// <summary>
    /// A folio that once was merged by KSM may belong to another place than the one that faults, and one that still bears the mark may have
    /// lost its node or be about to: there the page needs a frame of its own (ksm_might_need_to_copy). The copy comes locked, with one
    /// reference.
    /// </summary>
    private uint KsmCopyIfNeeded(in Fault fault, uint cached)
    {
        if (FitsHere(fault, cached) || !mm.Frames.Has(cached, FrameFlags.Uptodate))
            return cached;
        uint copy = mm.Folios.TryAllocate();
        if (copy == 0)
            return 0;
        mm.CopyPageFor(fault.Vma, cached, copy);
        mm.Frames.Lock(copy);
        mm.Frames.Set(copy, FrameFlags.SwapBacked | FrameFlags.Uptodate | FrameFlags.Dirty);
        return copy;
    }

    /// <summary>A merged folio fits everywhere, an anonymous one only where it was born, and one that nobody mapped yet anywhere.</summary>
    private bool FitsHere(in Fault fault, uint cached)
    {
        ref FrameRecord record = ref mm.Frames[cached];
        FrameFlags flags = mm.Frames.Flags(cached);
        if ((flags & FrameFlags.Ksm) != 0)
            return record.Mapping != 0 && !mm.Ksm.IsUnmerging;
        if ((flags & FrameFlags.Anon) == 0)
            return true;
        return record.Index == mm.Vmas.LinearIndex(fault.Vma, fault.Address)
            && mm.ReverseMap.AnonVmaRoot((uint)mm.Frames.Folio(cached).Mapping) == mm.ReverseMap.AnonVmaRoot(mm.Vmas.AnonVmaOf(fault.Vma));
    }

    /// <summary>
    /// Steps 9 to 25 of do_swap_page: with the folio locked, take the table's lock, prove the entry unchanged, map. Consumes the reference and
    /// the lock of <paramref name="frame"/> (not those of a <paramref name="cache"/> folio that is another one).
    /// </summary>
    private FaultResult MapLocked(in Fault fault, Pte expected, SwapEntry entry, uint frame, uint cache)
    {
        PendingCopy copy;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address))
        {
            bool unchanged = guard.Table != 0 && guard[fault.Address].Value == expected;
            if (!unchanged || !mm.Frames.Has(frame, FrameFlags.Uptodate))
            {
                mm.Frames.Unlock(frame);
                mm.Folios.Put(frame);
                return unchanged ? FaultResult.BusError : FaultResult.None;
            }

            bool stillWrite = Map(fault, guard[fault.Address], expected, entry, frame, cache);
            mm.Frames.Unlock(frame);
            if (!stillWrite || writeProtect.TryReuse(fault, guard[fault.Address], out copy))
                return FaultResult.None;
        }

        return writeProtect.FinishCopy(fault, copy);
    }

    /// <summary>Returns whether the write still has to go through the write-protect fault.</summary>
    private bool Map(in Fault fault, Leaf<TArch, TModel> leaf, Pte old, SwapEntry entry, uint frame, uint cache)
    {
        bool write = fault.HasAny(FaultFlags.Write);
        bool isKsm = mm.Frames.Has(frame, FrameFlags.Ksm);
        bool exclusive = !isKsm && IsExclusive(old, entry, frame, cache);

        mm.Leaves.BeginResolve(entry, frame);
        if (frame == cache && ShouldFreeSlot(fault, frame))
            mm.Swap.TryFreeSlot(frame);

        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        Atomic<TModel>.Add(ref space.AnonPages, 1);
        Atomic<TModel>.Add(ref space.SwapEntries, -1);

        exclusive = !isKsm && (exclusive || IsAlone(frame, cache, write));
        Pte entryNow = BuildEntry(fault, old, frame, exclusive, ref write);
        AddMapping(fault, frame, cache, exclusive);
        mm.Leaves.Resolve(leaf, entryNow);
        return write;
    }

    private bool IsExclusive(Pte old, SwapEntry entry, uint frame, uint cache)
    {
        if (frame != cache)
            return true; // never seen by anybody else: a direct swap-in or a KSM copy
        bool unstable = mm.Frames.Has(frame, FrameFlags.Writeback) && mm.Swap.HasStableWrites(entry);
        return TArch.IsSwapExclusive(old) && !unstable;
    }

    /// <summary>should_try_to_free_swap: the slot is given up early if the page will be written, or stays in memory anyway.</summary>
    private bool ShouldFreeSlot(in Fault fault, uint frame)
    {
        if (mm.Swap.IsHalfFull || (mm.Vmas.FlagsOf(fault.Vma) & VmaFlags.Locked) != 0 || mm.Frames.Has(frame, FrameFlags.Mlocked))
            return true;
        return fault.HasAny(FaultFlags.Write) && !mm.Frames.Has(frame, FrameFlags.Ksm) && mm.Frames.References(frame) == 2;
    }

    /// <summary>
    /// Whether our reference is the only one left. A folio read in during the current epoch is still held by its processor's LRU batch, which
    /// only a write fault drains.
    /// </summary>
    private bool IsAlone(uint frame, uint cache, bool write)
    {
        if (mm.Frames.References(frame) != 1)
            return false;
        return write || frame != cache || mm.Frames.Folio(frame).Birth != mm.Folios.Allocator.Epoch;
    }

    private Pte BuildEntry(in Fault fault, Pte old, uint frame, bool exclusive, ref bool write)
    {
        VmaFlags vmaFlags = mm.Vmas.FlagsOf(fault.Vma);
        Pte entry = TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1);
        if (TArch.IsSwapSoftDirty(old))
            entry = TArch.MakeSoftDirty(entry);
        bool writeProtected = TArch.IsSwapUffdWp(old);
        if (writeProtected)
            entry = TArch.MakeUffdWp(entry);
        bool uffdWants = writeProtected && mm.Vmas[fault.Vma].Uffd != 0;
        if (!exclusive || (vmaFlags & VmaFlags.Write) == 0 || uffdWants)
            return entry;
        entry = TArch.MakeWritable(entry);
        if (!write)
            return entry;
        write = false;
        return TArch.MakeDirty(entry);
    }

    private void AddMapping(in Fault fault, uint frame, uint cache, bool exclusive)
    {
        if (frame != cache && cache != 0)
        {
            mm.Rmap.AddNew(frame, fault.Vma, fault.Address, exclusive: true);
            mm.Rmap.LockInMemory(frame, fault.Vma);
            mm.Folios.AddToLru(frame);
        }
        else if (!mm.Frames.Has(frame, FrameFlags.Anon))
        {
            mm.Rmap.AddNew(frame, fault.Vma, fault.Address, exclusive); // fresh from the device: a locked VMA is noticed by reclaim only
        }
        else
        {
            mm.Rmap.Add(frame, fault.Vma, exclusive);
        }
    }
}
