using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// What is counted of large folios as a whole: huge leaves that map them, all their mappings, pins, and whether one address space has all of
/// the mappings (the kernel's _entire_mapcount, _large_mapcount, _pincount and _mm_id of struct folio).
/// </summary>
/// <remarks>
/// The counters lie in records of frames that have no other use for the fields: of the second frame LruNext counts huge leaves, LruPrevious
/// all mappings, Count pins, and Mapping names two address spaces; of the third frame LruNext and LruPrevious count the mappings of these
/// two. They change under the lock word of the second frame, which is innermost, and are looked at without. The mappings of a third
/// address space at the same time are in the total only; then no address space has all of them, and the folio counts as shared, as in the
/// kernel. The LRU links and Count of the fourth frame belong to <see cref="DeferredSplits{TModel}"/>.
/// </remarks>
public sealed class LargeFolios<TModel>
    where TModel : IModel
{
    /// <summary>log2 of the frames of the smallest large folio: the counters lie in the records of its first four frames.</summary>
    public const int SmallestOrder = 2;

    private readonly FrameTable<TModel> frames;
    private readonly DeferredSplits<TModel> deferred;

    internal LargeFolios(FrameTable<TModel> frames, DeferredSplits<TModel> deferred, uint pages)
    {
        this.frames = frames;
        this.deferred = deferred;
        Pages = pages;
    }

    /// <summary>Frames of a huge page, the largest folio. <see cref="FrameTable{TModel}.PagesOf"/> is the number of a given one.</summary>
    public uint Pages { get; }

    /// <summary>log2 of <see cref="Pages"/>.</summary>
    public int LargestOrder => BitOperations.Log2(Pages);

    /// <summary>Huge leaves that map the folio.</summary>
    public uint EntireMappings(uint head) => Atomic<TModel>.Load(ref frames[head + 1].LruNext);

    /// <summary>All mappings of the folio: entries of level 1 and huge leaves.</summary>
    public uint TotalMappings(uint head) => Atomic<TModel>.Load(ref frames[head + 1].LruPrevious);

    /// <summary>Pins of the folio.</summary>
    public uint Pins(uint head) => Atomic<TModel>.Load(ref frames[head + 1].Count);

    /// <summary>Whether all mappings of the folio are certainly those of one address space, and there are some.</summary>
    public bool IsMappedByOne(uint head)
    {
        Lock(head);
        uint total = frames[head + 1].LruPrevious;
        bool one = total != 0 && (frames[head + 2].LruNext == total || frames[head + 2].LruPrevious == total);
        Unlock(head);
        return one;
    }

    /// <summary>Counts one more pin; the caller has taken a reference for it.</summary>
    public void AddPin(uint head) => Atomic<TModel>.Add(ref frames[head + 1].Count, 1);

    /// <summary>Counts one pin less; the reference goes after.</summary>
    public void RemovePin(uint head) => Atomic<TModel>.Add(ref frames[head + 1].Count, -1);

    /// <summary>Counts one more mapping of one page.</summary>
    public void AddPage(uint frame, uint head, uint space)
    {
        Atomic<TModel>.Add(ref frames[frame].MapCount, 1);
        Lock(head);
        AddLocked(head, space, 1);
        Unlock(head);
    }

    /// <summary>Counts one mapping of one page less.</summary>
    public void RemovePage(uint frame, uint head, uint space)
    {
        uint left = Atomic<TModel>.Add(ref frames[frame].MapCount, -1);
        Lock(head);
        bool partial = left == 0 && frames[head + 1].LruNext == 0;
        partial = RemoveLocked(head, space, 1) != 0 && partial;
        Unlock(head);
        if (partial)
            MarkPartiallyMapped(head);
    }

    /// <summary>Counts one mapping of every page of a folio that had none.</summary>
    public void AddAllPages(uint head, uint space)
    {
        uint pages = frames.PagesOf(head);
        for (uint frame = head; frame < head + pages; frame++)
            Atomic<TModel>.Add(ref frames[frame].MapCount, 1);
        Lock(head);
        AddLocked(head, space, pages);
        Unlock(head);
    }

    /// <summary>Counts one more huge leaf.</summary>
    public void AddEntire(uint head, uint space)
    {
        Lock(head);
        Atomic<TModel>.Store(ref frames[head + 1].LruNext, frames[head + 1].LruNext + 1);
        AddLocked(head, space, 1);
        Unlock(head);
    }

    /// <summary>Counts one huge leaf less.</summary>
    public void RemoveEntire(uint head, uint space)
    {
        Lock(head);
        uint entire = frames[head + 1].LruNext - 1;
        Atomic<TModel>.Store(ref frames[head + 1].LruNext, entire);
        bool partial = RemoveLocked(head, space, 1) != 0 && entire == 0 && HasUnmappedPage(head);
        Unlock(head);
        if (partial)
            MarkPartiallyMapped(head);
    }

    /// <summary>Counts an entry of level 1 for every page in the place of one huge leaf: the leaf is split.</summary>
    public void SplitEntire(uint head, uint space)
    {
        uint pages = frames.PagesOf(head);
        for (uint frame = head; frame < head + pages; frame++)
            Atomic<TModel>.Add(ref frames[frame].MapCount, 1);
        Lock(head);
        AddLocked(head, space, pages);
        RemoveLocked(head, space, 1);
        Atomic<TModel>.Store(ref frames[head + 1].LruNext, frames[head + 1].LruNext - 1);
        Unlock(head);
    }

    /// <summary>Makes fresh frames one folio.</summary>
    internal void Form(uint head, int order)
    {
        ulong mark = (ulong)order << FrameTable<TModel>.OrderShift;
        for (uint frame = head + 1; frame < head + (1u << order); frame++)
            Atomic<TModel>.Or(ref frames[frame].Flags, mark | (ulong)FrameFlags.Tail);
        Atomic<TModel>.Or(ref frames[head].Flags, mark | (ulong)FrameFlags.Large);
    }

    /// <summary>
    /// Makes the frames of an unreferenced folio plain ones before they are given back: whoever still looks at one sees that it changed.
    /// </summary>
    internal void Dissolve(uint head)
    {
        for (uint frame = head + frames.PagesOf(head) - 1; frame != head; frame--)
            Atomic<TModel>.Store(ref frames[frame].Flags, 0);
        Atomic<TModel>.Store(ref frames[head].Flags, 0);
    }

    /// <summary>
    /// Gives every frame of a frozen folio what was the folio's: anon_vma, birth and flags; the counters of the whole are gone then. The
    /// references stay frozen, and nobody is on the way to any of the frames.
    /// </summary>
    /// <remarks>Locks: the folio's own stays with the first frame, the others are free.</remarks>
    public void Separate(uint head)
    {
        const FrameFlags OfFrame = FrameFlags.AnonExclusive | FrameFlags.TagsValid;
        const FrameFlags OfWhole = FrameFlags.Large | FrameFlags.PartiallyMapped | FrameFlags.OrderMask;
        FrameFlags common = frames.Flags(head) & ~(OfWhole | OfFrame | FrameFlags.Lru | FrameFlags.LruKindMask);
        uint pages = frames.PagesOf(head);
        deferred.Remove(head);
        frames[head + 1].Count = frames[head + 1].LruNext = frames[head + 1].LruPrevious = 0;
        frames[head + 2].LruNext = frames[head + 2].LruPrevious = 0;
        for (uint frame = head + 1; frame < head + pages; frame++)
        {
            ref FrameRecord record = ref frames[frame];
            record.Mapping = frames[head].Mapping;
            record.Birth = frames[head].Birth;
            record.Count = 0;
            FrameFlags own = (FrameFlags)Atomic<TModel>.Load(ref record.Flags) & OfFrame;
            FrameFlags cached = record.Swap != 0 ? FrameFlags.SwapCache : 0;
            Atomic<TModel>.Store(ref record.Flags, (ulong)((common & ~FrameFlags.SwapCache) | cached | own));
        }

        frames.Clear(head, OfWhole);
    }

    /// <summary>
    /// Some pages of a folio can be used by nobody any more (deferred_split_folio). A folio in the swap cache is left to reclaim, which is
    /// taking its mappings away one by one.
    /// </summary>
    private void MarkPartiallyMapped(uint head)
    {
        FrameFlags flags = frames.Flags(head);
        if ((flags & FrameFlags.SwapCache) != 0)
            return;
        frames.Set(head, FrameFlags.PartiallyMapped);
        deferred.Add(head);
    }

    private bool HasUnmappedPage(uint head)
    {
        uint pages = frames.PagesOf(head);
        for (uint frame = head; frame < head + pages; frame++)
        {
            if (Atomic<TModel>.Load(ref frames[frame].MapCount) == 0)
                return true;
        }

        return false;
    }

    private void AddLocked(uint head, uint space, uint count)
    {
        ref FrameRecord second = ref frames[head + 1];
        ref FrameRecord third = ref frames[head + 2];
        Atomic<TModel>.Store(ref second.LruPrevious, second.LruPrevious + count);
        uint low = (uint)second.Mapping;
        uint high = (uint)(second.Mapping >> 32);
        if (third.LruNext != 0 && low == space)
        {
            third.LruNext += count;
        }
        else if (third.LruPrevious != 0 && high == space)
        {
            third.LruPrevious += count;
        }
        else if (third.LruNext == 0)
        {
            second.Mapping = ((ulong)high << 32) | space;
            third.LruNext = count;
        }
        else if (third.LruPrevious == 0)
        {
            second.Mapping = ((ulong)space << 32) | low;
            third.LruPrevious = count;
        }
    }

    private uint RemoveLocked(uint head, uint space, uint count)
    {
        ref FrameRecord second = ref frames[head + 1];
        ref FrameRecord third = ref frames[head + 2];
        uint left = second.LruPrevious - count;
        Atomic<TModel>.Store(ref second.LruPrevious, left);

        // An address space that got its place late had mappings that were not counted there: it never counts below none.
        if (third.LruNext != 0 && (uint)second.Mapping == space)
            third.LruNext -= Math.Min(count, third.LruNext);
        else if (third.LruPrevious != 0 && (uint)(second.Mapping >> 32) == space)
            third.LruPrevious -= Math.Min(count, third.LruPrevious);
        return left;
    }

    private void Lock(uint head) => WordLock<TModel>.Acquire(ref frames[head + 1].Lock);

    private void Unlock(uint head) => WordLock<TModel>.Release(ref frames[head + 1].Lock);
}
