using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>The swap floor's front: areas, swap map, swap cache and their I/O.</summary>
public sealed class SwapSpace<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly Folios<TModel> folios;

    /// <summary>Makes a view of the swap areas of a machine.</summary>
    public SwapSpace(MachineImage image, Folios<TModel> folios)
    {
        this.image = image;
        this.folios = folios;
    }

    // ---- areas

    /// <summary>Adds a swap area (swapon).</summary>
    public SwapResult SwapOn(SwapAreaOptions options, out uint type) => throw new NotSupportedException();

    /// <summary>First half of swapoff: no new slot of the area is handed out any more; returns after every allocator knows.</summary>
    public SwapResult BeginSwapOff(uint type) => throw new NotSupportedException();

    /// <summary>Takes <see cref="BeginSwapOff"/> back.</summary>
    public void AbortSwapOff(uint type) => throw new NotSupportedException();

    /// <summary>Second half of swapoff, when no slot is in use: waits for users of the area, forgets it. Invalid while a slot is in use.</summary>
    public SwapResult FinishSwapOff(uint type) => throw new NotSupportedException();

    /// <summary>Slots in use of one area (cache-only slots included).</summary>
    public uint InUse(uint type) => throw new NotSupportedException();

    /// <summary>Slots in use of all areas.</summary>
    public ulong TotalInUse => throw new NotSupportedException();

    /// <summary>Whether any area hands out slots.</summary>
    public bool HasActiveArea => throw new NotSupportedException();

    /// <summary>Whether less than half of all swap is free (vm_swap_full).</summary>
    public bool IsHalfFull => throw new NotSupportedException();

    /// <summary>The next slot in use of an area at or above an offset, 0 when none: for the last phase of swapoff and for Verify.</summary>
    public ulong NextInUse(uint type, ulong offset) => throw new NotSupportedException();

    /// <summary>Keeps an area from being removed (get_swap_device); false when it is gone or the entry is outside it.</summary>
    public bool TryPinArea(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Ends <see cref="TryPinArea"/>.</summary>
    public void UnpinArea(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Whether the area is synchronous.</summary>
    public bool IsSynchronous(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Whether the area demands stable content during writeback.</summary>
    public bool HasStableWrites(SwapEntry entry) => throw new NotSupportedException();

    // ---- slots

    /// <summary>Finds a slot for a locked folio that has none and binds them in the swap cache: count 0, one reference for the cache.</summary>
    public SwapResult TryAllocate(uint frame, out SwapEntry entry) => throw new NotSupportedException();

    /// <summary>One more swap reference. From 0 only with the bound folio locked; else the caller protects an existing reference.</summary>
    public SwapResult TryDuplicate(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>One swap reference less (swap_free); the slot is freed when it was the last and nothing else holds it.</summary>
    public void Put(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>
    /// As <see cref="Put"/>, and if only the swap cache still holds the slot, tries to take an unmapped folio out of it
    /// (free_swap_and_cache).
    /// </summary>
    public void PutAndReclaim(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Swap references of a slot (cache and pin not counted); 0 of a free or bad slot.</summary>
    public uint Count(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Pins a slot for a direct swap-in; codes Exists, NoEntry.</summary>
    public SwapResult TryPinSlot(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Ends <see cref="TryPinSlot"/>; the slot is freed here if it has no reference left.</summary>
    public void UnpinSlot(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Returns when the slot was seen not to be pinned.</summary>
    public void WaitWhilePinned(SwapEntry entry) => throw new NotSupportedException();

    // ---- swap cache

    /// <summary>The folio bound to a slot, with a reference taken, 0 when none. Stale on return: lock it and ask <see cref="IsBound"/>.</summary>
    public uint Lookup(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Binds a locked fresh folio to a slot in use; codes Exists, NoEntry. Takes a reference for the cache.</summary>
    public SwapResult TryAddToCache(SwapEntry entry, uint frame) => throw new NotSupportedException();

    /// <summary>Whether a locked folio is bound to this very slot.</summary>
    public bool IsBound(uint frame, SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Unbinds a locked folio that is not under writeback and drops the cache's reference; a slot without references is freed.</summary>
    public void RemoveFromCache(uint frame) => throw new NotSupportedException();

    /// <summary>
    /// Frees the slot of a locked folio if nothing else uses it (folio_free_swap): not under writeback, count 0. The folio is then dirty.
    /// </summary>
    public bool TryFreeSlot(uint frame) => throw new NotSupportedException();

    /// <summary>Closes what this view holds open (files); the areas stay.</summary>
    public void Dispose() { }

    // ---- input and output

    /// <summary>Reads a slot into a locked folio; sets Uptodate, or ReadError. A slot known to be zero is cleared without I/O.</summary>
    public SwapResult Read(SwapEntry entry, uint frame) => throw new NotSupportedException();

    /// <summary>Whether the content of a slot is known to be all zero, so that reading it does no I/O.</summary>
    public bool IsZero(SwapEntry entry) => throw new NotSupportedException();

    /// <summary>Writes a locked, dirty, unmapped folio to the slot it is bound to. The folio is unlocked on return only if the result is UnderWay.</summary>
    public SwapWrite Write(uint frame) => throw new NotSupportedException();

    /// <summary>Completes pending writes, at most <paramref name="limit"/>; returns how many.</summary>
    public int CompleteWrites(int limit = int.MaxValue) => throw new NotSupportedException();

    /// <summary>Returns when the folio is not under writeback; completes writes itself if need be.</summary>
    public void WaitForWriteback(uint frame) => throw new NotSupportedException();

    /// <summary>What lies in a slot on the device now (stale while a dirty folio is bound to it); for observers.</summary>
    public SwapResult Peek(SwapEntry entry, Span<byte> destination) => throw new NotSupportedException();

    /// <summary>Pages read from areas since the machine was made (pswpin).</summary>
    public ulong PagesRead => throw new NotSupportedException();

    /// <summary>Pages written to areas since the machine was made (pswpout).</summary>
    public ulong PagesWritten => throw new NotSupportedException();
}
