using System.Buffers;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Huge;

/// <summary>
/// Splits large folios to get pages back that nobody uses (mm/huge_memory.c deferred_split_scan): those that are mapped no more, and those of a
/// huge page that were never written.
/// </summary>
internal sealed class DeferredSplitter<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FolioSplitter<TArch, TModel> splitter;

    internal DeferredSplitter(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    private DeferredSplits<TModel> Waiting => mm.Frames.DeferredSplits;

    /// <summary>
    /// What a pass of reclaim asks for (mm/shrinker.c do_shrink_slab): twice the share of the folios that the priority stands for, but nothing
    /// before that is all of them.
    /// </summary>
    internal void Shrink(int priority)
    {
        uint count = Waiting.Count;
        if (count == 0)
            return;
        ref uint postponed = ref mm.Image.Record<MmState>(MetadataRegion.MmState, 0).PostponedSplits;
        uint before = Atomic<TModel>.Load(ref postponed);
        uint share = (count >> priority) * 2;
        uint wanted = Math.Min((before >> priority) + share, 2 * count);
        bool enough = wanted >= count;
        if (enough)
            Scan((int)Math.Min(wanted, count));
        uint left = before + share - (enough ? Math.Min(wanted, before + share) : 0);
        Atomic<TModel>.Store(ref postponed, Math.Min(left, 2 * count));
    }

    /// <summary>Tries folios that wait now once, and takes them off the list but for those that have pages to give and could not be split.</summary>
    private void Scan(int count)
    {
        uint[] taken = ArrayPool<uint>.Shared.Rent(count);
        int length = 0;
        while (length < count && (taken[length] = Waiting.TryTake()) != 0)
            length++;
        while (length-- != 0) // the kernel stacks them
        {
            uint head = taken[length];
            if ((mm.Frames.Has(head, FrameFlags.PartiallyMapped) || IsUnderused(head)) && !TrySplit(head)
                && mm.Frames.Has(head, FrameFlags.PartiallyMapped | FrameFlags.Large))
                Waiting.Add(head);
            mm.Folios.Put(head);
        }

        ArrayPool<uint>.Shared.Return(taken);
    }

    private bool TrySplit(uint head)
    {
        if (!mm.Frames.TryLock(head))
            return false;
        bool split = splitter.TrySplit(head);
        mm.Frames.Unlock(head);
        return split;
    }

    /// <summary>Whether more pages of a folio are all zero than a huge page may have that was not there (thp_underused).</summary>
    private bool IsUnderused(uint head)
    {
        uint pages = mm.Frames.PagesOf(head);
        uint allowed = mm.Orders.MaxPtesNone;
        if (allowed >= pages - 1)
            return false;
        uint zero = 0;
        for (uint frame = head; frame < head + pages && zero <= allowed; frame++)
            zero += SharedBytes<TModel>.IsZero(mm.Frames.Bytes(frame)) ? 1u : 0;
        return zero > allowed;
    }
}
