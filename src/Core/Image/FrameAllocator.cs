using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// Hands out frames of RAM: single frames from caches near each processor, and blocks of an area (2 MiB on x86-64, 8 MiB on sparc64).
/// </summary>
/// <remarks>
/// <para>Two halves. Below, <see cref="FrameAreas{TModel}"/> is lock-free and shared. Above, 64 caches, chosen by the number of the thread,
/// hold frames freed lately and a batch of fresh ones, as the kernel's per-cpu page lists do: each is taken by a try-lock, and who finds its
/// own busy works on the areas directly. Frames freed last are handed out first; fresh ones are the lowest there are; so what one
/// thread gets is determined by what it did.</para>
/// <para>A frame freed in the epoch of its birth waits in its cache's deferred list (<see cref="FrameState.Epoch"/>). The list needs no memory
/// of its own, because it is linked through the frames; when it gets long the processor drains it by itself, as the kernel's LRU batches
/// are drained when they are full.</para>
/// <para>When the areas are exhausted, frames are stolen from the caches of other processors, and then the epoch is ended: no frame stays
/// unused while somebody asks. A cache that another thread is inside of is waited for, unless its owner is dead.</para>
/// <para>Frames for long-term pins are apart: <see cref="SetPinning"/>.</para>
/// <para>The cache locks are innermost: no other lock is taken while one is held, but the commit lock of the image.</para>
/// </remarks>
public sealed partial class FrameAllocator<TModel>
    where TModel : IModel
{
    /// <summary>Most frames a cache keeps; beyond, the half freed longest ago goes back to the areas.</summary>
    internal const uint CacheLimit = 1024;

    /// <summary>Most deferred frames a cache keeps before it drains them by itself.</summary>
    internal const uint DeferredLimit = 1024;

    /// <summary>Tells a batch of mlock from an epoch in <see cref="FrameRecord.Birth"/>.</summary>
    private const uint MlockMark = 1u << 31;

    private const int LargestBatch = 32;

    private readonly MachineImage image;
    private readonly FrameTable<TModel> frames;
    private readonly FrameAreas<TModel> areas;
    private readonly int batch;

    /// <summary>Makes a view of the allocator of an image.</summary>
    public FrameAllocator(MachineImage image, FrameTable<TModel> frames)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(frames);
        this.image = image;
        this.frames = frames;
        areas = new FrameAreas<TModel>(image);
        batch = (int)Math.Clamp(image.FrameCount / 8, 1, LargestBatch);
    }

    /// <summary>Frames of a block.</summary>
    public uint BlockFrames => image.AreaFrames;

    /// <summary>
    /// Frames that can be handed out, those in caches, deferred ones and those without storage yet included. Exact when nobody allocates or frees.
    /// </summary>
    public uint FreeCount
    {
        get
        {
            uint count = areas.FreeCount;
            ulong caches = Atomic<TModel>.Load(ref State.CachesWithFrames) | Atomic<TModel>.Load(ref State.CachesWithDeferred);
            for (; caches != 0; caches &= caches - 1)
            {
                ref FrameCache cache = ref Cache(BitOperations.TrailingZeroCount(caches));
                count += Atomic<TModel>.Load(ref cache.Frames.Count) + Atomic<TModel>.Load(ref cache.Deferred.Count)
                    + Atomic<TModel>.Load(ref cache.Munlocked.Count) + Atomic<TModel>.Load(ref cache.Unmovable.Count);
            }

            return count;
        }
    }

    /// <summary>Current allocation epoch; see <see cref="FrameState.Epoch"/>.</summary>
    public uint Epoch => Atomic<TModel>.Load(ref State.Epoch) & ~MlockMark;

    /// <summary>Number of the current batch of mlock.</summary>
    internal uint MlockBatch => Atomic<TModel>.Load(ref State.MlockBatch);

    /// <summary>What <see cref="FrameRecord.Birth"/> says of frames that the current batch of mlock has.</summary>
    private uint MlockStamp => MlockMark | MlockBatch;

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>
    /// Hands out one frame with one reference and no flag; its record is zeroed but for <see cref="FrameRecord.Birth"/>, its content is not.
    /// A frame freed last is handed out first (per processor). 0 when RAM or its storage is exhausted.
    /// </summary>
    /// <exception cref="CorruptImageException">The allocator's state is damaged.</exception>
    public uint TryAllocate()
    {
        if (pinning)
            return TryAllocateUnmovable();
        uint frame = TakeCached();
        if (frame == 0)
            frame = TakeLast();
        if (frame == 0)
            return 0;
        GiveBirth(frame, 1);
        return frame;
    }

    /// <summary>
    /// As <see cref="TryAllocate"/> of as many frames as the caller's cache and the areas have, without references: nobody finds them before the
    /// caller gives them one. Returns how many there were.
    /// </summary>
    internal int TryAllocateFrozen(Span<uint> many)
    {
        int own = FrameCache.Own;
        ref FrameCache cache = ref Cache(own);
        if (many.IsEmpty || pinning || !WordLock<TModel>.TryAcquire(ref cache.Lock))
            return 0;
        int count = 0;
        try
        {
            for (; count < many.Length; count++)
            {
                many[count] = cache.Frames.Count != 0 ? TakeTop(own, ref cache) : Refill(own, ref cache);
                if (many[count] == 0)
                    break;
            }
        }
        finally
        {
            WordLock<TModel>.Release(ref cache.Lock);
        }

        foreach (uint frame in many[..count])
            GiveBirth(frame, 0);
        return count;
    }

    /// <summary>Ends the current allocation epoch (the kernel's lru_add_drain_all): deferred frames can be handed out again.</summary>
    public void AdvanceEpoch()
    {
        Atomic<TModel>.Add(ref State.Epoch, 1);
        EndMlockBatch();
        ForEach(ref State.CachesWithDeferred, static (FrameAllocator<TModel> self, int index, ref FrameCache cache) =>
        {
            self.Drain(index, ref cache, ref cache.Deferred);
            return 0;
        });
    }

    /// <summary>
    /// Ends the current epoch if a frame was born in it (lru_add_drain when folio_test_lru is false): who wants to be its only user cannot tell its
    /// batch's reference from somebody else's.
    /// </summary>
    public void DrainIfBatched(uint frame)
    {
        if (Atomic<TModel>.Load(ref frames[frame].Birth) == Epoch)
            AdvanceEpoch();
    }

    /// <summary>
    /// Notes that a frame was locked in memory or unlocked. The kernel collects such frames, 31 at a time, and holds a reference to each: one that is
    /// unlocked because its mapping goes is freed when the batch ends.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="unlocked">Whether it was unlocked.</param>
    public void NoteMlock(uint frame, bool unlocked)
    {
        const uint BatchSize = 31; // PAGEVEC_SIZE
        if (Atomic<TModel>.Add(ref State.MlockBatchCount, 1) >= BatchSize || frames.IsLarge(frame))
            EndMlockBatch();
        else if (unlocked)
            Atomic<TModel>.Store(ref frames[frame].Birth, MlockStamp);
    }

    /// <summary>Whether the current batch of mlock has a frame because it was unlocked, and so a reference to it that is not counted here.</summary>
    public bool IsBeingUnlocked(uint frame) => Atomic<TModel>.Load(ref frames[frame].Birth) == MlockStamp;

    /// <summary>Ends the current batch of mlock (mlock_drain_local): frames that waited for it can be handed out again.</summary>
    public void EndMlockBatch()
    {
        Atomic<TModel>.Store(ref State.MlockBatchCount, 0);
        Atomic<TModel>.Add(ref State.MlockBatch, 1);
        ForEach(ref State.CachesWithDeferred, static (FrameAllocator<TModel> self, int index, ref FrameCache cache) =>
        {
            self.Drain(index, ref cache, ref cache.Munlocked);
            return 0;
        });
    }

    /// <summary>
    /// Hands out a block of <see cref="BlockFrames"/> contiguous frames, aligned to its size: the lowest that has no frame in use or in a cache,
    /// and when there is none, the lowest after the caches gave back what they had. The first frame has one reference, the others none; all
    /// records are zeroed but for Birth. 0 when no block is free.
    /// </summary>
    public uint TryAllocateBlock()
    {
        uint frame = areas.TakeWhole();
        if (frame == 0)
        {
            AdvanceEpoch();
            ReturnCaches();
            frame = areas.TakeWhole();
        }

        if (frame == 0)
            return 0;
        for (uint member = BlockFrames - 1; member != 0; member--)
            GiveBirth(frame + member, 0);
        GiveBirth(frame, 1);
        return frame;
    }

    /// <summary>
    /// Hands out 2^order contiguous frames, aligned to that, fewer than a block: the first has one reference, the others none. When the frames that
    /// make up such a run may lie in caches, these are emptied first. 0 when there is no run.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The order is that of a block or larger, or 0 or less.</exception>
    public uint TryAllocateRun(int order)
    {
        if (order <= 0 || order >= BitOperations.Log2(BlockFrames))
            throw new ArgumentOutOfRangeException(nameof(order), order, $"Runs have orders from 1 to {BitOperations.Log2(BlockFrames) - 1}.");
        uint frame = areas.TakeRun(order);
        if (frame == 0 && FreeCount - areas.FreeCount >= 1u << order)
        {
            ReturnCaches();
            frame = areas.TakeRun(order);
        }

        if (frame == 0)
            return 0;
        for (uint member = (1u << order) - 1; member != 0; member--)
            GiveBirth(frame + member, 0);
        GiveBirth(frame, 1);
        return frame;
    }

    /// <summary>Takes back what <see cref="TryAllocateRun"/> handed out, when its last reference is gone; at once, whatever the epoch.</summary>
    /// <exception cref="ArgumentException">The first frame has references.</exception>
    /// <exception cref="CorruptImageException">Some of the frames are free already.</exception>
    public void FreeRun(uint frame, int order)
    {
        if (Atomic<TModel>.Load(ref frames[frame].RefCount) is not 0 and var references)
            throw new ArgumentException($"The run at frame {frame} has {references} references and must have 0.", nameof(frame));
        areas.PutRun(frame, order);
    }

    /// <summary>Blocks that <see cref="TryAllocateBlock"/> can hand out, those without storage yet included. A snapshot.</summary>
    public uint FreeBlocks => areas.FreeWhole;

    /// <summary>Whether some but not all frames of the block of a frame are taken, one by one, and all of them could be free. A snapshot.</summary>
    public bool IsPartlyUsed(uint frame) => areas.IsPartlyUsed(frame / BlockFrames);

    /// <summary>Whether a frame is handed out or in a cache; not to be asked of frames of a block in use as a whole. A snapshot.</summary>
    public bool IsTaken(uint frame) => areas.IsTaken(frame);

    /// <summary>
    /// As <see cref="TryAllocate"/>, from the highest block in part use at or above a frame; 0 when there is none. Blocks that are free as a whole
    /// are left whole.
    /// </summary>
    public uint TryAllocateAbove(uint floor)
    {
        uint frame = areas.TakeAbove(floor / BlockFrames);
        if (frame != 0)
            GiveBirth(frame, 1);
        return frame;
    }

    /// <summary>Takes back a block whose last reference is gone; at once, whatever the epoch.</summary>
    /// <exception cref="ArgumentException">The frame does not begin a block that was handed out as a whole, or has references.</exception>
    public void FreeBlock(uint frame)
    {
        if (Atomic<TModel>.Load(ref frames[frame].RefCount) is not 0 and var references)
            throw new ArgumentException($"Block {frame} has {references} references and must have 0.", nameof(frame));
        areas.PutWhole(frame);
    }

    /// <summary>Turns a block into frames that are freed one by one (the allocator's side of splitting a huge page).</summary>
    /// <exception cref="ArgumentException">The frame does not begin a block that was handed out as a whole.</exception>
    public void SplitBlock(uint frame) => areas.Split(frame);

    /// <summary>
    /// Gives all frames in caches back to the areas (the kernel's drain_all_pages), so that blocks can form. Deferred frames stay.
    /// </summary>
    public void ReturnCaches()
    {
        DrainUnmovable();
        ForEach(ref State.CachesWithFrames, static (FrameAllocator<TModel> self, int index, ref FrameCache cache) =>
        {
            self.Spill(index, ref cache, 0);
            return 0;
        });
    }

    private void GiveBirth(uint frame, uint references)
    {
        ref FrameRecord record = ref frames[frame];
        if (Atomic<TModel>.Load(ref record.RefCount) != 0)
            throw new CorruptImageException(nameof(MetadataRegion.Frames), $"frame {frame} is free and has references");
        record = default;
        record.Birth = Epoch;
        if (references != 0)
            Atomic<TModel>.Store(ref record.RefCount, references);
    }

    /// <summary>A frame of the caller's own cache, which is refilled when empty; straight from the areas when the cache is busy.</summary>
    private uint TakeCached()
    {
        int own = FrameCache.Own;
        ref FrameCache cache = ref Cache(own);
        if (!WordLock<TModel>.TryAcquire(ref cache.Lock))
        {
            uint one = 0;
            return areas.Take(new Span<uint>(ref one)) != 0 ? one : 0;
        }

        try
        {
            return cache.Frames.Count != 0 ? TakeTop(own, ref cache) : Refill(own, ref cache);
        }
        finally
        {
            WordLock<TModel>.Release(ref cache.Lock);
        }
    }

    private uint Refill(int index, ref FrameCache cache)
    {
        Span<uint> fresh = stackalloc uint[LargestBatch];
        int count = areas.Take(fresh[..batch]);
        if (count == 0)
            return 0;
        for (int last = count - 1; last > 0; last--)
            cache.Frames.Push(frames, fresh[last]); // highest first, so that the lowest lies on top
        if (count > 1)
            Mark(ref State.CachesWithFrames, index, true);
        return fresh[0];
    }

    private uint TakeTop(int index, ref FrameCache cache)
    {
        uint frame = cache.Frames.Pop(frames);
        if (cache.Frames.Count == 0)
            Mark(ref State.CachesWithFrames, index, false);
        return frame;
    }

    /// <summary>The areas are exhausted: another processor's cache, then what is deferred anywhere.</summary>
    private uint TakeLast()
    {
        uint frame = Steal();
        if (frame != 0 || Atomic<TModel>.Load(ref State.CachesWithDeferred) == 0)
            return frame;
        AdvanceEpoch();
        DrainUnmovable();
        frame = TakeCached();
        return frame != 0 ? frame : Steal();
    }

    private uint Steal() =>
        ForEach(ref State.CachesWithFrames, static (FrameAllocator<TModel> self, int index, ref FrameCache cache) =>
        {
            if (cache.Frames.Count == 0)
                return 0;
            uint stolen = cache.Frames.TakeBottom(self.frames);
            if (cache.Frames.Count == 0)
                Mark(ref self.State.CachesWithFrames, index, false);
            return stolen;
        });

    private static void Mark(ref ulong caches, int index, bool value)
    {
        ulong bit = 1UL << index;
        if (value)
            Atomic<TModel>.Or(ref caches, bit);
        else
            Atomic<TModel>.And(ref caches, ~bit);
    }

    /// <summary>Visits the caches of a mask, each under its lock, until a visit returns a frame.</summary>
    private uint ForEach(ref ulong mask, Visit visit)
    {
        for (ulong caches = Atomic<TModel>.Load(ref mask); caches != 0; caches &= caches - 1)
        {
            int index = BitOperations.TrailingZeroCount(caches);
            ref FrameCache cache = ref Cache(index);
            if (!Acquire(ref cache.Lock))
                continue;
            try
            {
                uint frame = visit(this, index, ref cache);
                if (frame != 0)
                    return frame;
            }
            finally
            {
                WordLock<TModel>.Release(ref cache.Lock);
            }
        }

        return 0;
    }

    /// <summary>
    /// Takes a cache's lock, waiting for an owner that lives; false when the owner is dead and what the cache holds must be recovered.
    /// </summary>
    private static bool Acquire(ref ulong word)
    {
        while (!WordLock<TModel>.TryAcquire(ref word))
        {
            ulong owner = Atomic<TModel>.Load(ref word);
            if (owner != 0 && !ProcessRegistry.MayBeAlive(owner))
                return false;
            TModel.WaitUntil(ref word, ulong.MaxValue, 0);
        }

        return true;
    }

    private ref FrameCache Cache(int index) => ref image.Record<FrameCache>(MetadataRegion.FrameCaches, (ulong)index);

    private delegate uint Visit(FrameAllocator<TModel> self, int index, ref FrameCache cache);
}
