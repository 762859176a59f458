using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Readahead;
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
public sealed partial class SwapInFault<TArch, TModel>
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
        large = new LargeSwapIn<TArch, TModel>(mm);
        Readahead = new SwapReadahead<TArch, TModel>(mm);
    }

    /// <summary>Brings slots into the swap cache.</summary>
    public SwapReadahead<TArch, TModel> Readahead { get; }

    /// <summary>Handles a fault on a swap entry.</summary>
    public FaultResult Handle(in Fault fault, Pte expected, in SoftLeaf leaf)
    {
        var entry = new SwapEntry(leaf.Type, leaf.Offset);
        if (!TModel.SwapInPinsArea)
            return HandlePinned(fault, expected, entry); // before 5.14: swapoff may forget the area at any moment
        if (!mm.Swap.TryPinArea(entry))
            return FaultResult.None; // swapoff was faster: the entry has changed or is about to
        try
        {
            return HandlePinned(fault, expected, entry);
        }
        finally
        {
            mm.Swap.UnpinArea(entry); // also when a damaged image throws: swapoff waits for it
        }
    }

    /// <inheritdoc cref="SwapReadahead{TArch, TModel}.ReadOne"/>
    public uint ReadIntoCache(SwapEntry entry, out bool read) => Readahead.ReadOne(entry, out read);

    private FaultResult HandlePinned(in Fault fault, Pte expected, SwapEntry entry)
    {
        uint cached = mm.Swap.Lookup(entry);
        if (cached != 0)
        {
            Readahead.NoteFound(fault, cached);
            return HandleCached(fault, expected, entry, cached, FaultResult.None, found: true);
        }

        bool synchronous = mm.Swap.IsSynchronous(entry);
        bool alwaysCache = TModel.DirectSwapIn == DirectSwapIn.AlwaysCache;
        if (synchronous && !alwaysCache && mm.Swap.Count(entry) == 1)
            return TryHandleDirectLarge(fault, expected, entry, out FaultResult result) ? result : HandleDirect(fault, expected, entry);
        cached = synchronous && alwaysCache ? Readahead.ReadOne(entry, out bool read) : Readahead.Read(fault, entry, out read);
        if (cached == 0)
            return IsUnchanged(fault, expected) ? FaultResult.OutOfMemory : FaultResult.None;
        FaultResult major = read ? FaultResult.Major : FaultResult.None;
        bool mayRetry = (fault.Flags & (FaultFlags.AllowRetry | FaultFlags.Tried)) == FaultFlags.AllowRetry;
        if (!read || synchronous || mm.Swap.IsZero(entry) || !mayRetry)
            return HandleCached(fault, expected, entry, cached, major, found: !read);

        // The read of an asynchronous device is waited for without the mmap_lock: the caller comes back with Tried set.
        mm.Folios.Put(cached);
        return FaultResult.Major | FaultResult.Retry;
    }

    private bool IsUnchanged(in Fault fault, Pte expected)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        return guard.Table != 0 && guard[fault.Address].Value == expected;
    }

    /// <summary>
    /// Protected by (b): the slot is pinned from before the read until after the table is unlocked (13ddaf26be32). A model without the pin, or with
    /// one that comes after the read, has nothing: the slot may have been re-issued with the same entry.
    /// </summary>
    private FaultResult HandleDirect(in Fault fault, Pte expected, SwapEntry entry)
    {
        if (TModel.ChargesAfterPin && !TryPinSlot(entry))
            return FaultResult.None;
        uint frame = mm.TryAllocateFor(entry, mm.Vmas[fault.Vma].AddressSpace);
        if (frame == 0)
        {
            if (TModel.ChargesAfterPin)
                mm.Swap.UnpinSlot(entry);
            return FaultResult.OutOfMemory;
        }

        if (TModel.DirectSwapIn == DirectSwapIn.PinSlot && !TModel.ChargesAfterPin && !TryPinSlot(entry))
        {
            mm.Folios.Put(frame);
            return FaultResult.None;
        }

        mm.Frames.Lock(frame);
        mm.Frames.Set(frame, FrameFlags.SwapBacked);
        mm.Swap.NoteDirectRead(entry, frame);
        mm.Folios.Lru.Add(frame);
        mm.Swap.Read(entry, frame);
        if (TModel.DirectSwapIn == DirectSwapIn.PinAfterRead && !TryPinSlot(entry))
        {
            PutLocked(frame);
            return FaultResult.None;
        }

        FaultResult result = MapLocked(fault, expected, entry, frame, cache: 0, out bool mapped);
        if (TModel.DirectSwapIn != DirectSwapIn.NoPin)
            mm.Swap.UnpinSlot(entry);
        if (TModel.TrustsLookupResult && !mapped)
            mm.Swap.UnpinSlot(entry); // "it was not in the cache, so the pin is mine": by now it is somebody else's
        return result | FaultResult.Major;
    }

    /// <summary>False: somebody else brings the page in, and the access is to be tried again when that is over.</summary>
    private bool TryPinSlot(SwapEntry entry)
    {
        if (mm.Swap.TryPinSlot(entry) == SwapResult.Ok)
            return true;
        if (TModel.SwapInWaitsForPin)
            mm.Swap.WaitWhilePinned(entry);
        return false;
    }

    private void PutLocked(uint frame)
    {
        mm.Frames.Unlock(frame);
        mm.Folios.Put(frame);
    }

    /// <summary>Protected by (a): look up, lock, verify. The reference alone would not keep the slot.</summary>
    private FaultResult HandleCached(in Fault fault, Pte expected, SwapEntry entry, uint cached, FaultResult major, bool found)
    {
        mm.Frames.Lock(cached);
        if (!(TModel.TrustsLookupResult && found) && !IsVerified(cached, entry))
        {
            PutLocked(cached);
            return major;
        }

        if (mm.Frames.Has(cached, FrameFlags.HwPoison))
        {
            PutLocked(cached);
            return major | FaultResult.HardwarePoison;
        }

        if (TModel.KsmSwapInCopy == KsmSwapInCopy.Never || FitsHere(fault, cached) || !mm.Frames.Has(cached, FrameFlags.Uptodate))
            return major | MapLocked(fault, expected, entry, cached, cached, out _);
        return major | HandleForeign(fault, expected, entry, cached);
    }

    /// <summary>
    /// Whether a locked folio is still the one of the entry. 4969c1192d15 asked whether it is in the swap cache at all, 31c4a3d3a0f8 also under
    /// which slot: it may have left and come back meanwhile.
    /// </summary>
    private bool IsVerified(uint cached, SwapEntry entry) => TModel.SwapCacheCheck switch
    {
        SwapCacheCheck.None => true,
        SwapCacheCheck.InCache => mm.Frames.Has(cached, FrameFlags.SwapCache),
        _ => mm.Swap.IsBound(cached, entry),
    };

    /// <summary>
    /// A locked folio that belongs to another place than the one that faults: the page needs a frame of its own (ksm_might_need_to_copy). The
    /// original stays locked until the copy's swap reference is gone, else the slot could be re-issued before (4969c1192d15).
    /// </summary>
    private FaultResult HandleForeign(in Fault fault, Pte expected, SwapEntry entry, uint cached)
    {
        if (TModel.KsmSwapInCopy == KsmSwapInCopy.ByWriteFault)
            return MapForeign(fault with { Flags = fault.Flags | FaultFlags.Write }, expected, entry, cached);
        bool keepsLock = TModel.KsmSwapInCopy == KsmSwapInCopy.Locked;
        if (!keepsLock)
            mm.Frames.Unlock(cached);
        uint copy = TryCopy(fault.Vma, cached);
        if (!keepsLock)
            mm.Folios.Put(cached);
        FaultResult result = copy == 0 ? FaultResult.OutOfMemory : MapLocked(fault, expected, entry, copy, cached, out _);
        if (keepsLock)
            PutLocked(cached);
        return result;
    }

    /// <summary>A copy of a folio: locked, dirty, with one reference. 0 when no frame is free.</summary>
    private uint TryCopy(uint vma, uint source)
    {
        uint copy = mm.TryAllocate(mm.Vmas[vma].AddressSpace);
        if (copy == 0)
            return 0;
        mm.CopyPageFor(vma, source, copy);
        mm.Frames.Lock(copy);
        mm.Frames.Set(copy, FrameFlags.SwapBacked | FrameFlags.Uptodate | FrameFlags.Dirty);
        return copy;
    }

    /// <summary>
    /// A merged folio fits everywhere, unless it has lost its node or is about to; an anonymous one only where it was born, and one that nobody
    /// mapped yet anywhere.
    /// </summary>
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
}
