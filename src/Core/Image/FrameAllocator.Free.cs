using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <content>Frames that come back: kept near the processor that freed them, and given to the areas when there are too many.</content>
public sealed partial class FrameAllocator<TModel>
{
    /// <summary>
    /// Takes back a frame whose last reference is gone. A frame born in the current epoch is not handed out again before
    /// <see cref="AdvanceEpoch"/>, unless nothing else is left.
    /// </summary>
    /// <exception cref="ArgumentException">The frame is reserved or has references.</exception>
    /// <exception cref="CorruptImageException">The frame is free already, or the number is outside RAM.</exception>
    public void Free(uint frame)
    {
        MarkFree(frame);
        int own = FrameCache.Own;
        ref FrameCache cache = ref Cache(own);
        if (!WordLock<TModel>.TryAcquire(ref cache.Lock))
        {
            areas.Put(frame); // busy; the epoch rule is about what this processor has next, and this frame leaves it
            return;
        }

        try
        {
            TakeBack(own, ref cache, frame);
        }
        finally
        {
            WordLock<TModel>.Release(ref cache.Lock);
        }
    }

    /// <summary>
    /// As <see cref="Free(uint)"/>, many at once, one after the other, whose references the caller froze or never gave: nobody else changes their
    /// flags.
    /// </summary>
    /// <param name="many">The frames.</param>
    /// <param name="ended">Flags of what they were, which end here.</param>
    internal void FreeFrozen(ReadOnlySpan<uint> many, FrameFlags ended = FrameFlags.None)
    {
        if (many.IsEmpty)
            return;
        foreach (uint frame in many)
        {
            AssertUnused(frame);
            ref ulong flags = ref frames[frame].Flags;
            ulong before = Atomic<TModel>.Load(ref flags);
            Atomic<TModel>.Store(ref flags, (before & ~(ulong)ended) | (ulong)FrameFlags.Free);
            ThrowIfFree(frame, before);
        }

        int own = FrameCache.Own;
        ref FrameCache cache = ref Cache(own);
        if (!WordLock<TModel>.TryAcquire(ref cache.Lock))
        {
            foreach (uint frame in many)
                areas.Put(frame);
            return;
        }

        try
        {
            foreach (uint frame in many)
                TakeBack(own, ref cache, frame);
        }
        finally
        {
            WordLock<TModel>.Release(ref cache.Lock);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MarkFree(uint frame)
    {
        AssertUnused(frame);
        ThrowIfFree(frame, Atomic<TModel>.Or(ref frames[frame].Flags, (ulong)FrameFlags.Free));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AssertUnused(uint frame)
    {
        ref FrameRecord record = ref frames[frame];
        if (frame < image.Options.ReservedFrames)
            throw new ArgumentException($"Frame {frame} is reserved: the first {image.Options.ReservedFrames} are.", nameof(frame));
        if (Atomic<TModel>.Load(ref record.RefCount) is not 0 and var references)
            throw new ArgumentException($"Frame {frame} has {references} references and must have 0.", nameof(frame));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ThrowIfFree(uint frame, ulong before)
    {
        if ((before & (ulong)FrameFlags.Free) != 0)
            throw new CorruptImageException(nameof(MetadataRegion.Frames), $"frame {frame} is freed twice");
    }

    /// <summary>Puts a frame where its birth says. The cache is locked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TakeBack(int own, ref FrameCache cache, uint frame)
    {
        ref FrameRecord record = ref frames[frame];
        if ((record.Flags & (ulong)FrameFlags.Unmovable) != 0)
            KeepUnmovable(own, ref cache, frame);
        else if (record.Birth == Epoch)
            Defer(own, ref cache, ref cache.Deferred, frame);
        else if (record.Birth == MlockStamp)
            Defer(own, ref cache, ref cache.Munlocked, frame);
        else
            Keep(own, ref cache, frame);
    }

    /// <summary>Puts a frame on top of the cache; a cache that gets too long gives the older half back.</summary>
    private void Keep(int index, ref FrameCache cache, uint frame)
    {
        cache.Frames.Push(frames, frame);
        if (cache.Frames.Count == 1)
            Mark(ref State.CachesWithFrames, index, true);
        else if (cache.Frames.Count > CacheLimit)
            Spill(index, ref cache, CacheLimit / 2);
    }

    private void Defer(int index, ref FrameCache cache, ref FrameList list, uint frame)
    {
        uint stamp = frames[frame].Birth;
        list.Push(frames, frame);
        Mark(ref State.CachesWithDeferred, index, true);

        // The epoch or batch may have ended between its reading and the mark, and then nobody comes for this frame before the next one ends.
        if (list.Count > DeferredLimit || (stamp != Epoch && stamp != MlockStamp))
            Drain(index, ref cache, ref list);
    }

    private void Drain(int index, ref FrameCache cache, ref FrameList list)
    {
        if (list.Count == 0)
            return;
        cache.Frames.Splice(frames, ref list);
        if ((cache.Deferred.Count | cache.Munlocked.Count | cache.Unmovable.Count) == 0)
            Mark(ref State.CachesWithDeferred, index, false);
        Mark(ref State.CachesWithFrames, index, true);
        if (cache.Frames.Count > CacheLimit)
            Spill(index, ref cache, CacheLimit / 2);
    }

    private void Spill(int index, ref FrameCache cache, uint keep)
    {
        while (cache.Frames.Count > keep)
            areas.Put(cache.Frames.TakeBottom(frames));
        if (keep == 0)
            Mark(ref State.CachesWithFrames, index, false);
    }
}
