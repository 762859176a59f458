using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <summary>
/// Finds every lock word of a machine that somebody holds, but for the mmap_locks, which end with their scopes: for who lets go of his own and
/// for who reports them. A lock word that is added to a record belongs in here.
/// </summary>
internal readonly struct HeldLocks<TArch, TModel>(MmContext<TArch, TModel> mm)
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    internal const string Folio = "the lock of folio";

    private readonly MmContext<TArch, TModel> mm = mm;

    /// <summary>Called for a lock word that is not 0.</summary>
    /// <param name="word">The word.</param>
    /// <param name="name">What it protects.</param>
    /// <param name="number">Which one, of several.</param>
    internal delegate void Visitor(ref ulong word, string name, uint? number);

    /// <summary>Visits those that are held.</summary>
    internal void Visit(Visitor visitor)
    {
        VisitFrames(visitor);
        VisitMm(visitor);
        VisitSwap(visitor);
    }

    private void VisitFrames(Visitor visitor)
    {
        uint limit = mm.Frames.CommittedFrames;
        for (uint frame = 1; frame < limit; frame++)
        {
            if (mm.Frames.HasStorage(frame) && Atomic<TModel>.Load(ref mm.Frames[frame].Lock) != 0)
                visitor(ref mm.Frames[frame].Lock, mm.Frames.Has(frame, FrameFlags.Table) ? "the lock of table" : Folio, frame);
        }

        ref FrameState state = ref mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0);
        Check(visitor, ref state.SplitLock, "the lock of folios to be split");
        Check(visitor, ref state.LruLock, "the LRU lock");
        for (uint cache = 0; cache < mm.Image.Capacity(MetadataRegion.FrameCaches); cache++)
            Check(visitor, ref mm.Image.Record<FrameCache>(MetadataRegion.FrameCaches, cache).Lock, "the lock of frame cache", cache);
    }

    private void VisitMm(Visitor visitor)
    {
        AddressTagStorage<TModel>? tags = mm.Tags.Storage.ByAddress;
        for (uint space = mm.Spaces.NextLive(0); space != 0; space = mm.Spaces.NextLive(space))
        {
            Check(visitor, ref mm.Spaces[space].PageTableLock, "the page_table_lock of address space", space);
            if (tags is not null)
                Check(visitor, ref tags.LockOf(space), "the lock of the tags of address space", space);
        }

        ref MmState state = ref mm.Image.Record<MmState>(MetadataRegion.MmState, 0);
        Check(visitor, ref state.MmListLock, "the lock of the swapoff list");
        Check(visitor, ref state.SharedSwapLock, "the lock of the swap list of shared objects");
        SharedObjects<TModel> objects = mm.Vmas.Objects;
        for (uint number = 1; number <= objects.HighWater; number++)
        {
            if (Atomic<TModel>.Load(ref objects[number].References) != 0)
                Check(visitor, ref objects[number].Lock, "the lock of shared object", number);
        }

        RecordPool<TModel, AnonVma> anonVmas = mm.Vmas.Anons.Pool;
        for (uint number = 1; number <= anonVmas.HighWater; number++)
        {
            if (Atomic<TModel>.Load(ref anonVmas[number].References) != 0)
                Check(visitor, ref anonVmas[number].Lock, "the lock of anon_vma", number);
        }

        Check(visitor, ref mm.Ksm.State.ListLock, "the lock of the list of mergeable address spaces");
        Check(visitor, ref mm.Ksm.State.Lock, "the lock of same-page merging");
    }

    private void VisitSwap(Visitor visitor)
    {
        var areas = new SwapAreas<TModel>(mm.Image);
        ref SwapStateRecord state = ref areas.State;
        Check(visitor, ref state.AreasLock, "the lock of all swap areas");
        Check(visitor, ref state.AvailableLock, "the availability lock");
        Check(visitor, ref state.OverflowLock, "the lock of the overflow table");
        Check(visitor, ref state.QueueLock, "the lock of the write queue");
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            ref SwapAreaRecord area = ref areas[type];
            if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Used))
                continue;
            Check(visitor, ref area.ListLock, "the list lock of area", type);
            Check(visitor, ref area.HintLock, "the hint lock of area", type);
            for (uint index = 0; index < area.Clusters; index++)
                Check(visitor, ref areas.Cluster(ref area, index).Lock, "the lock of cluster", area.FirstCluster + index);
        }
    }

    private static void Check(Visitor visitor, ref ulong word, string name, uint? number = null)
    {
        if (Atomic<TModel>.Load(ref word) != 0)
            visitor(ref word, name, number);
    }
}
