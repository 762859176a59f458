using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <summary>
/// Lets go of every lock word that the calling thread holds, for operations that a damaged image ended with an exception: else whoever needs
/// one of them afterwards would wait for ever.
/// </summary>
/// <remarks>
/// The mmap_lock and page-table locks end with their scopes. All others are taken and given back in different places, and a scope around each
/// would cost more than the few exceptions are worth; a lock word names its owner, so here they are looked for. The machine is damaged:
/// references and counts of the operation stay as they were when it broke off.
/// </remarks>
internal static class LockRelief<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Lets go of all locks of the thread, which is inside no other operation.</summary>
    internal static void LetGo(MmContext<TArch, TModel> mm)
    {
        LetGoOfFrames(mm);
        LetGoOfMm(mm);
        LetGoOfSwap(mm);
    }

    private static void LetGoOfFrames(MmContext<TArch, TModel> mm)
    {
        uint limit = mm.Frames.CommittedFrames;
        for (uint frame = 1; frame < limit; frame++)
        {
            if (mm.Frames.HasStorage(frame))
                LetGo(ref mm.Frames[frame].Lock);
        }

        LetGo(ref mm.Image.Record<FrameState>(MetadataRegion.FrameState, 0).LruLock);
        for (uint cache = 0; cache < mm.Image.Capacity(MetadataRegion.FrameCaches); cache++)
            LetGo(ref mm.Image.Record<FrameCache>(MetadataRegion.FrameCaches, cache).Lock);
    }

    private static void LetGoOfMm(MmContext<TArch, TModel> mm)
    {
        for (uint space = mm.Spaces.NextLive(0); space != 0; space = mm.Spaces.NextLive(space))
            LetGo(ref mm.Spaces[space].PageTableLock);
        ref MmState state = ref mm.Image.Record<MmState>(MetadataRegion.MmState, 0);
        LetGo(ref state.MmListLock);
        LetGo(ref state.SharedSwapLock);
        SharedObjects<TModel> objects = mm.Vmas.Objects;
        for (uint number = 1; number <= objects.HighWater; number++)
        {
            if (Atomic<TModel>.Load(ref objects[number].References) != 0)
                LetGo(ref objects[number].Lock);
        }

        RecordPool<TModel, AnonVma> anonVmas = mm.Vmas.Anons.Pool;
        for (uint number = 1; number <= anonVmas.HighWater; number++)
        {
            if (Atomic<TModel>.Load(ref anonVmas[number].References) != 0)
                LetGo(ref anonVmas[number].Lock);
        }

        LetGo(ref mm.Ksm.State.ListLock);
        LetGo(ref mm.Ksm.State.Lock);
    }

    private static void LetGoOfSwap(MmContext<TArch, TModel> mm)
    {
        var areas = new SwapAreas<TModel>(mm.Image);
        ref SwapStateRecord state = ref areas.State;
        LetGo(ref state.AreasLock);
        LetGo(ref state.AvailableLock);
        LetGo(ref state.OverflowLock);
        LetGo(ref state.QueueLock);
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            ref SwapAreaRecord area = ref areas[type];
            if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Used))
                continue;
            LetGo(ref area.ListLock);
            LetGo(ref area.HintLock);
            for (uint index = 0; index < area.Clusters; index++)
                LetGo(ref areas.Cluster(ref area, index).Lock);
        }
    }

    private static void LetGo(ref ulong word)
    {
        if (WordLock<TModel>.IsHeld(ref word))
            WordLock<TModel>.Release(ref word);
    }
}
