using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Huge;

/// <summary>
/// Splits large folios of which some pages are mapped no more, when frames are wanted: those pages come free (mm/huge_memory.c
/// deferred_split_scan).
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

    /// <summary>
    /// Tries every folio that waits now once, the one that waits longest first; one that cannot be split waits on. Returns how many were split.
    /// </summary>
    internal int SplitAll()
    {
        int split = 0;
        for (uint left = mm.Frames.DeferredSplits.Count; left != 0; left--)
        {
            uint head = mm.Frames.DeferredSplits.TryTake();
            if (head == 0)
                break;
            bool done = false;
            if (mm.Frames.TryLock(head))
            {
                done = splitter.TrySplit(head);
                mm.Frames.Unlock(head);
            }

            if (done)
                split++;
            else if (mm.Frames.IsLarge(head))
                mm.Frames.DeferredSplits.Add(head);
            mm.Folios.Put(head);
        }

        return split;
    }
}
