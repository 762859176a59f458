using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <summary>Frames whose write to an asynchronous area is pending, oldest first; in the image, so that every process can complete them.</summary>
/// <remarks>
/// A queued frame has its Writeback flag set and is in the swap cache: it can be neither unbound nor freed before its write is completed,
/// so the queue needs no reference and no entry, and an area with a pending write has a slot in use.
/// </remarks>
internal sealed class SwapWriteQueue<TModel>
    where TModel : IModel
{
    private readonly SwapAreas<TModel> areas;

    internal SwapWriteQueue(SwapAreas<TModel> areas) => this.areas = areas;

    /// <summary>Adds a frame; false when the queue is full.</summary>
    internal bool TryEnqueue(uint frame)
    {
        ref SwapStateRecord state = ref areas.State;
        WordLock<TModel>.Acquire(ref state.QueueLock);
        bool room = state.QueueLength < SwapStateRecord.QueueCapacity;
        if (room)
            state.Queue[Position(ref state, state.QueueLength++)] = frame;
        WordLock<TModel>.Release(ref state.QueueLock);
        return room;
    }

    /// <summary>Takes the oldest frame off; 0 when there is none.</summary>
    internal uint TryDequeue()
    {
        ref SwapStateRecord state = ref areas.State;
        WordLock<TModel>.Acquire(ref state.QueueLock);
        uint frame = 0;
        if (state.QueueLength != 0)
        {
            frame = state.Queue[Position(ref state, 0)];
            state.QueueHead = (uint)Position(ref state, 1);
            state.QueueLength--;
        }

        WordLock<TModel>.Release(ref state.QueueLock);
        return frame;
    }

    private static int Position(ref SwapStateRecord state, uint index) => (int)((state.QueueHead + index) % SwapStateRecord.QueueCapacity);
}
