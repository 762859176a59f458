namespace PageTableEmu.Image;

/// <content>
/// Frames that are not to move. The kernel keeps them together, in page blocks of their own, so that they do not keep other blocks from becoming
/// free; what a fault allocates for a long-term pin comes from there and goes back there, and most likely the kernel itself uses it next. So
/// here such a frame is one that nobody had lately, and once free it is handed out last.
/// </content>
public sealed partial class FrameAllocator<TModel>
{
    [ThreadStatic]
    private static bool pinning;

    /// <summary>
    /// From here to the end of the scope the calling thread allocates unmovable frames, or not (memalloc_pin_save). Scopes may be nested.
    /// </summary>
    internal static PinningScope SetPinning(bool value)
    {
        var scope = new PinningScope(pinning);
        pinning = value;
        return scope;
    }

    private uint TryAllocateUnmovable()
    {
        uint frame = 0;
        if (areas.Take(new Span<uint>(ref frame)) == 0)
            frame = TakeLast();
        if (frame == 0)
            return 0;
        GiveBirth(frame, 1);
        frames.Set(frame, FrameFlags.Unmovable);
        return frame;
    }

    private void KeepUnmovable(int index, ref FrameCache cache, uint frame)
    {
        cache.Unmovable.Push(frames, frame);
        Mark(ref State.CachesWithDeferred, index, true);
    }

    /// <summary>Nothing else is left, or whole blocks are wanted: unmovable frames are frames like others.</summary>
    private void DrainUnmovable() =>
        ForEach(ref State.CachesWithDeferred, static (FrameAllocator<TModel> self, int index, ref FrameCache cache) =>
        {
            self.Drain(index, ref cache, ref cache.Unmovable);
            return 0;
        });

    /// <summary>Ends <see cref="SetPinning"/>.</summary>
    internal readonly ref struct PinningScope(bool before)
    {
        /// <summary>Allocations are again what they were before.</summary>
        public void Dispose() => pinning = before;
    }
}
