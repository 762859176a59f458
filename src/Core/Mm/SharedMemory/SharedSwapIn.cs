using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// Gets hold of pages of shared objects, from swap if need be (mm/shmem.c shmem_get_folio and shmem_swapin_folio, in the order of Linux 6.18):
/// for faults, for swapoff and for reading ahead.
/// </summary>
/// <remarks>
/// What keeps a slot from being re-issued between the look at the index and the exchange of its value: (a) the folio bound to it is locked by us
/// and the binding was verified after locking, or (b) we hold a pin on the slot (synchronous areas: the swap cache is not used,
/// whatever the count). Under either one the value is exchanged for the folio by comparing it with the value that was read, so a page that came
/// back by other hands makes us start over from the index; nothing is concluded from what was true before the lock.
/// </remarks>
public sealed class SharedSwapIn<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>
    /// Each further look needs that an area is removed and a new one gets the same slot used for the same page between two reads of ours; that
    /// many in a row is a damaged image.
    /// </summary>
    private const int Looks = 1000;

    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedObjects<TModel> objects;
    private readonly SharedCache<TArch, TModel> cache;
    private readonly SwapInFault<TArch, TModel> swapIn;

    /// <summary>Makes the operations of a machine.</summary>
    public SharedSwapIn(MmContext<TArch, TModel> mm, SwapInFault<TArch, TModel> swapIn)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
        this.swapIn = swapIn;
        objects = mm.Vmas.Objects;
        cache = mm.SharedCache;
    }

    /// <summary>
    /// The folio of a page, locked, in its object and up to date, with a reference for the caller; made or read in if need be. Frame 0 exactly
    /// when the result is an error: BusError behind the end of the object or when the content is lost, OutOfMemory.
    /// </summary>
    /// <param name="number">The object.</param>
    /// <param name="page">Page of it.</param>
    /// <param name="group">The group that a fresh page is charged to.</param>
    /// <param name="frame">The folio.</param>
    public FaultResult TryGetLocked(uint number, ulong page, uint group, out uint frame)
    {
        FaultResult major = FaultResult.None;
        while (true)
        {
            frame = 0;
            if (page >= objects.PagesOf(number))
                return FaultResult.BusError;
            FaultResult result = TryOnce(number, page, group, out frame);
            if ((result & FaultResult.Error) != 0)
                return result;
            major |= result;
            if (frame == 0)
                continue; // it moved while we looked
            if (page < objects.PagesOf(number))
                return major;
            cache.Remove(number, page, frame); // the object was cut while the page came in
            mm.Frames.Unlock(frame);
            mm.Folios.Put(frame);
        }
    }

    /// <summary>Brings a page back for swapoff. False only when frames run out.</summary>
    internal bool TryBringBack(uint number, ulong page, SwapEntry entry)
    {
        FaultResult result = TrySwapIn(number, page, entry, out uint frame);
        if (frame != 0)
        {
            mm.Frames.Unlock(frame);
            mm.Folios.Put(frame);
        }

        return (result & FaultResult.OutOfMemory) == 0;
    }

    /// <summary>Brings back every page of every object that lies in an area (shmem_unuse). False when frames run out.</summary>
    public bool TryUnuse(uint type)
    {
        bool done = true;
        uint number = objects.NextSwapped(0);
        while (number != 0)
        {
            if (done)
                done = TryUnuse(number, type);
            uint next = done ? objects.NextSwapped(number) : 0;
            cache.Put(number); // not before the next one was found: the list goes through it
            number = next;
        }

        return done;
    }

    /// <summary>Reads pages of [first, end) that are in swap into the swap cache (force_shm_swapin_readahead).</summary>
    public void ReadAhead(uint number, ulong first, ulong end)
    {
        for (ulong page = first; page < end && objects.Index.TryNext(number, ref page, out SharedPage place) && page < end; page++)
        {
            if (!place.IsSwap || !mm.Swap.TryPinArea(place.Entry))
                continue;
            uint frame = swapIn.ReadIntoCache(place.Entry, out _);
            if (frame != 0)
                mm.Folios.Put(frame);
            mm.Swap.UnpinArea(place.Entry);
        }
    }

    private bool TryUnuse(uint number, uint type)
    {
        for (ulong page = 0; objects.Index.TryNext(number, ref page, out SharedPage place); page++)
        {
            if (place.IsSwap && place.Entry.Type == type && !TryBringBack(number, page, place.Entry))
                return false;
        }

        return true;
    }

    private FaultResult TryOnce(uint number, ulong page, uint group, out uint frame)
    {
        frame = 0;
        SharedPage place = objects.Index.Load(number, page);
        if (place.IsNone)
            return cache.TryAddZeroed(number, page, group, out frame);
        if (place.IsLost)
            return FaultResult.BusError;
        if (place.IsSwap)
            return TrySwapIn(number, page, place.Entry, out frame);
        if (cache.TryLock(number, page, place.Frame))
            frame = place.Frame;
        return FaultResult.None;
    }

    /// <summary>Frame 0 without an error: the page is no longer there, or another one brings it in.</summary>
    private FaultResult TrySwapIn(uint number, ulong page, SwapEntry entry, out uint frame)
    {
        frame = 0;
        for (int look = 0; look < Looks; look++)
        {
            if (mm.Swap.TryPinArea(entry))
            {
                FaultResult result = TrySwapInPinned(number, page, entry, out frame);
                mm.Swap.UnpinArea(entry);
                return result;
            }

            if (!IsStillThere(number, page, entry))
                return FaultResult.None; // swapoff was faster: the page has come back
        }

        throw new CorruptImageException(nameof(SharedObject.Index), $"page {page} of shared object {number} names slot {entry}, which no area has");
    }

    private FaultResult TrySwapInPinned(uint number, ulong page, SwapEntry entry, out uint frame)
    {
        frame = 0;
        uint cached = mm.Swap.Lookup(entry);
        bool synchronous = mm.Swap.IsSynchronous(entry);
        if (cached == 0 && synchronous && TModel.SharedDirectSwapIn != DirectSwapIn.AlwaysCache)
            return TryDirect(number, page, entry, out frame);
        FaultResult major = FaultResult.None;
        if (cached != 0)
        {
            swapIn.Readahead.NoteFound(cached);
        }
        else
        {
            cached = synchronous ? swapIn.Readahead.ReadOne(entry, out bool read) : swapIn.Readahead.ReadBlock(entry, out read);
            if (cached == 0)
                return IsStillThere(number, page, entry) ? FaultResult.OutOfMemory : FaultResult.None;
            major = read ? FaultResult.Major : FaultResult.None;
        }

        return major | AddCached(number, page, entry, cached, out frame);
    }

    /// <summary>Protected by (a): look up, lock, verify.</summary>
    private FaultResult AddCached(uint number, ulong page, SwapEntry entry, uint cached, out uint frame)
    {
        frame = 0;
        mm.Frames.Lock(cached);
        FaultResult result = FaultResult.None;
        if (mm.Swap.IsBound(cached, entry) && IsStillThere(number, page, entry))
        {
            mm.Swap.WaitForWriteback(cached);
            result = TryAdd(number, page, entry, cached, out frame);
            if (frame != 0 || result == FaultResult.BusError)
                mm.Swap.TryFreeSlot(cached); // our swap reference was the only one
        }

        if (frame != 0)
            return result;
        mm.Frames.Unlock(cached);
        mm.Folios.Put(cached);
        return result;
    }

    /// <summary>
    /// Protected by (b): the slot is pinned from before the read until the value is out of the index. Without the pin, as proposed in 2023, the
    /// value that is exchanged may be that of a later use of the slot.
    /// </summary>
    private FaultResult TryDirect(uint number, ulong page, SwapEntry entry, out uint frame)
    {
        frame = 0;
        uint fresh = mm.TryAllocateFor(entry);
        if (fresh == 0)
            return FaultResult.OutOfMemory;
        bool pins = TModel.SharedDirectSwapIn != DirectSwapIn.NoPin;
        if (pins && mm.Swap.TryPinSlot(entry) != SwapResult.Ok)
        {
            mm.Swap.WaitWhilePinned(entry); // somebody else brings the page in, or a folio is bound by now
            mm.Folios.Put(fresh);
            return FaultResult.None;
        }

        mm.Frames.Lock(fresh);
        mm.Frames.Set(fresh, FrameFlags.SwapBacked);
        FaultResult result = FaultResult.None;
        if (IsStillThere(number, page, entry))
        {
            mm.Swap.NoteDirectRead(entry, fresh);
            mm.Swap.Read(entry, fresh);
            result = FaultResult.Major | TryAdd(number, page, entry, fresh, out frame);
        }

        if (pins)
            mm.Swap.UnpinSlot(entry);
        if (frame != 0)
        {
            mm.Folios.Lru.Add(frame);
            return result;
        }

        mm.Frames.Unlock(fresh);
        mm.Folios.Put(fresh);
        return result;
    }

    private bool IsStillThere(uint number, ulong page, SwapEntry entry) => objects.Index.Load(number, page) == SharedPage.Of(entry);

    /// <summary>
    /// Exchanges the swap value for the locked folio and gives its swap reference up. A page that could not be read is lost for good: the index
    /// remembers that instead of the slot.
    /// </summary>
    private FaultResult TryAdd(uint number, ulong page, SwapEntry entry, uint folio, out uint frame)
    {
        frame = 0;
        bool readable = mm.Frames.Has(folio, FrameFlags.Uptodate);
        bool exchanged = readable
            ? cache.TryAdd(number, page, SharedPage.Of(entry), folio)
            : objects.Index.TryReplace(number, page, SharedPage.Of(entry), SharedPage.Lost);
        if (!exchanged)
            return FaultResult.None;
        objects.RemoveSwapped(number);
        mm.Frames.Set(folio, FrameFlags.Dirty); // it is the only copy now
        mm.Swap.Put(entry);
        if (!readable)
            return FaultResult.BusError;
        frame = folio;
        return FaultResult.None;
    }
}
