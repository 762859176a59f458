using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>Hands out frames of RAM.</summary>
public sealed class FrameAllocator<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly FrameTable<TModel> frames;
    private readonly Stack<uint> free = new();
    private readonly List<uint> deferred = [];
    private uint next;

    /// <summary>Makes a view of the allocator of an image.</summary>
    public FrameAllocator(MachineImage image, FrameTable<TModel> frames)
    {
        this.image = image;
        this.frames = frames;
        next = image.Options.ReservedFrames;
    }

    /// <summary>Frames that can be handed out, those in caches included.</summary>
    public uint FreeCount { get; private set; }

    /// <summary>Current allocation epoch; see <see cref="FrameState.Epoch"/>.</summary>
    public uint Epoch => Atomic<TModel>.Load(ref State.Epoch);

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>
    /// Hands out one frame with one reference and no flag; its record is zeroed but for <see cref="FrameRecord.Birth"/>, its content is not.
    /// A frame freed last is handed out first (per processor). 0 when RAM is exhausted.
    /// </summary>
    public uint TryAllocate()
    {
        lock (free)
        {
            if (!free.TryPop(out uint frame))
                frame = next < image.FrameCount ? next++ : 0;
            if (frame == 0)
                return 0;
            ref FrameRecord record = ref frames[frame];
            record = default;
            record.Birth = Epoch;
            Atomic<TModel>.Store(ref record.RefCount, 1);
            return frame;
        }
    }

    /// <summary>
    /// Takes back a frame whose last reference is gone. A frame born in the current epoch is not handed out again before
    /// <see cref="AdvanceEpoch"/>.
    /// </summary>
    public void Free(uint frame)
    {
        lock (free)
        {
            if (frames[frame].Birth == Epoch)
                deferred.Add(frame);
            else
                free.Push(frame);
        }
    }

    /// <summary>Ends the current allocation epoch (the kernel's lru_add_drain_all): deferred frames can be handed out again.</summary>
    public void AdvanceEpoch()
    {
        lock (free)
        {
            Atomic<TModel>.Add(ref State.Epoch, 1);
            foreach (uint frame in deferred)
                free.Push(frame);
            deferred.Clear();
        }
    }
}
