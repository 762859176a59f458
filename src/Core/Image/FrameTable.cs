using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// The frame records of a machine and the operations on their atomic words: references, mappings, flags, folio lock.
/// </summary>
/// <remarks>
/// Protocol. A frame lives from <see cref="FrameAllocator{TModel}.TryAllocate"/> (one reference, no flag) to the <see cref="Put"/> that
/// takes the last reference, whose caller then gives it to <see cref="FrameAllocator{TModel}.Free"/>. Whoever finds a frame without holding
/// a reference (page-table walk without the lock, swap cache lookup) must use <see cref="TryGet"/> and then look again where it came from.
/// Lock order: folio lock → page-table lock → swap cluster; a holder of a page-table lock may only try folio locks.
/// </remarks>
public sealed class FrameTable<TModel>
    where TModel : IModel
{
    /// <summary>What one FOLL_PIN pin adds to the reference count of a base page (the kernel's GUP_PIN_COUNTING_BIAS).</summary>
    public const uint PinBias = 1024;

    private readonly MachineImage image;

    /// <summary>Makes a view of the frame records of an image.</summary>
    public FrameTable(MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        this.image = image;
    }

    /// <summary>Number of frames of the machine.</summary>
    public uint FrameCount => image.FrameCount;

    /// <summary>One more than the highest frame that may have been handed out; see <see cref="MachineImage.CommittedFrames"/>.</summary>
    public uint CommittedFrames => image.CommittedFrames;

    /// <summary>Whether a frame has a record to look at: false for frames that were never handed out and need no looking at.</summary>
    public bool HasStorage(uint frame) => image.HasStorage(frame);

    /// <summary>The record of a frame.</summary>
    /// <exception cref="CorruptImageException">The number is 0 or outside RAM: some record or entry of the image is damaged.</exception>
    public ref FrameRecord this[uint frame] => ref image.Frame(frame);

    /// <summary>The bytes of a frame, one page.</summary>
    public Span<byte> Bytes(uint frame) => image.FrameBytes(frame);

    /// <summary>Current references.</summary>
    public uint References(uint frame) => Atomic<TModel>.Load(ref this[frame].RefCount);

    /// <summary>Current mappings.</summary>
    public uint Mappings(uint frame) => Atomic<TModel>.Load(ref this[frame].MapCount);

    /// <summary>Adds references to a frame of which the caller already holds one.</summary>
    public void Get(uint frame, int count = 1) => Atomic<TModel>.Add(ref this[frame].RefCount, count);

    /// <summary>Adds a reference unless there is none (the frame is free or frozen).</summary>
    public bool TryGet(uint frame) => Atomic<TModel>.TryIncrement(ref this[frame].RefCount);

    /// <summary>Drops references; returns whether they were the last: the caller then owns the frame and must free it.</summary>
    public bool Put(uint frame, int count = 1) => Atomic<TModel>.Add(ref this[frame].RefCount, -count) == 0;

    /// <summary>Takes all references at once if there are exactly <paramref name="expected"/> (the kernel's page_ref_freeze).</summary>
    public bool TryFreeze(uint frame, uint expected) => Atomic<TModel>.CompareExchange(ref this[frame].RefCount, 0, expected) == expected;

    /// <summary>Ends a freeze with the given number of references.</summary>
    public void Unfreeze(uint frame, uint count) => Atomic<TModel>.Store(ref this[frame].RefCount, count);

    /// <summary>Counts one more mapping. The reference that goes with it is taken first.</summary>
    public void AddMapping(uint frame) => Atomic<TModel>.Add(ref this[frame].MapCount, 1);

    /// <summary>Counts one mapping less; returns how many are left. The reference that goes with it is dropped after.</summary>
    public uint RemoveMapping(uint frame) => Atomic<TModel>.Add(ref this[frame].MapCount, -1);

    /// <summary>Current flags.</summary>
    public FrameFlags Flags(uint frame) => (FrameFlags)Atomic<TModel>.Load(ref this[frame].Flags);

    /// <summary>Whether all the given flags are set.</summary>
    public bool Has(uint frame, FrameFlags flags) => (Flags(frame) & flags) == flags;

    /// <summary>Sets flags; returns what they were.</summary>
    public FrameFlags Set(uint frame, FrameFlags flags) => (FrameFlags)Atomic<TModel>.Or(ref this[frame].Flags, (ulong)flags);

    /// <summary>Clears flags; returns what they were.</summary>
    public FrameFlags Clear(uint frame, FrameFlags flags) => (FrameFlags)Atomic<TModel>.And(ref this[frame].Flags, ~(ulong)flags);

    /// <summary>Takes the folio lock (or page-table lock of a table), waiting for its owner.</summary>
    public void Lock(uint frame) => WordLock<TModel>.Acquire(ref this[frame].Lock);

    /// <summary>Takes the lock if it is free.</summary>
    public bool TryLock(uint frame) => WordLock<TModel>.TryAcquire(ref this[frame].Lock);

    /// <summary>Gives the lock back.</summary>
    public void Unlock(uint frame) => WordLock<TModel>.Release(ref this[frame].Lock);

    /// <summary>Checked models: throws unless the calling thread holds the frame's lock.</summary>
    public void AssertLocked(uint frame)
    {
        if (TModel.Checked)
            WordLock<TModel>.AssertHeld(ref this[frame].Lock);
    }

    /// <summary>May the frame be pinned? True for every pinned frame, and for one with 1024 or more ordinary references.</summary>
    public bool MaybePinned(uint frame) => References(frame) >= PinBias;
}
