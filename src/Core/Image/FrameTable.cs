using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// The frame records of a machine and the operations on their atomic words: references, mappings, flags, folio lock.
/// </summary>
/// <remarks>
/// Protocol. A frame lives from <see cref="FrameAllocator{TModel}.TryAllocate"/> (one reference, no flag) to the <see cref="Put"/> that
/// takes the last reference, whose caller then gives it to <see cref="FrameAllocator{TModel}.Free(uint)"/>. Whoever finds a frame without holding
/// a reference (page-table walk without the lock, swap cache lookup) must use <see cref="TryGet"/> and then look again where it came from.
/// <para>A large folio is 2^order contiguous frames, aligned to that (<see cref="FrameFlags.Large"/>, <see cref="FrameFlags.Tail"/>,
/// <see cref="FrameFlags.OrderMask"/>), at most a block of the allocator. References, lock and flags can be
/// asked of any of its frames and are those of the folio; mappings and exclusiveness are the page's own. A folio cannot be split while
/// anybody holds a reference that is not a mapping's, nor a mapping be changed without its page-table lock.</para>
/// Lock order: folio lock → page-table lock → swap cluster; a holder of a page-table lock may only try folio locks.
/// </remarks>
/// <seealso cref="DeferredSplits{TModel}"/>
public sealed class FrameTable<TModel>
    where TModel : IModel
{
    /// <summary>What one FOLL_PIN pin adds to the reference count of a base page (the kernel's GUP_PIN_COUNTING_BIAS).</summary>
    public const uint PinBias = 1024;

    /// <summary>Position of <see cref="FrameFlags.OrderMask"/>.</summary>
    internal const int OrderShift = 40;

    /// <summary>
    /// References from which on nobody gets another one by his own wish: far enough from where the count wraps that callers who look at it at the
    /// same time cannot reach that. Linux counts in a signed word and refuses when it is negative (try_grab_folio).
    /// </summary>
    public const uint ReferenceLimit = 1u << 31;

    private readonly MachineImage image;
    private readonly LargeFolios<TModel> large;

    /// <summary>Makes a view of the frame records of an image.</summary>
    public FrameTable(MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        this.image = image;
        DeferredSplits = new DeferredSplits<TModel>(image, this);
        large = new LargeFolios<TModel>(this, DeferredSplits, image.AreaFrames);
    }

    /// <summary>What is counted of large folios as a whole.</summary>
    public LargeFolios<TModel> Large => large;

    /// <summary>Large folios that lost some of their pages.</summary>
    public DeferredSplits<TModel> DeferredSplits { get; }

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

    /// <summary>The frame that stands for the folio of a frame: itself, or the first frame of its folio. Stable while a reference is held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint HeadOf(uint frame)
    {
        ulong flags = Atomic<TModel>.Load(ref this[frame].Flags);
        return (flags & (ulong)FrameFlags.Tail) == 0 ? frame : HeadOf(frame, flags);
    }

    /// <summary>log2 of the number of frames of the folio of a frame: 0 of a single frame. Stable while a reference is held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int OrderOf(uint frame) => OrderOf(Atomic<TModel>.Load(ref this[frame].Flags));

    /// <summary>Number of frames of the folio of a frame: 1 of a single frame. Stable while a reference is held.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint PagesOf(uint frame) => 1u << OrderOf(frame);

    /// <summary>Whether the frame belongs to a large folio.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsLarge(uint frame) =>
        (Atomic<TModel>.Load(ref this[frame].Flags) & (ulong)(FrameFlags.Large | FrameFlags.Tail)) != 0;

    /// <summary>The record that stands for the folio of a frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref FrameRecord Folio(uint frame)
    {
        ref FrameRecord record = ref this[frame];
        ulong flags = Atomic<TModel>.Load(ref record.Flags);
        return ref (flags & (ulong)FrameFlags.Tail) == 0 ? ref record : ref this[HeadOf(frame, flags)];
    }

    /// <summary>Current references to the folio.</summary>
    public uint References(uint frame) => Atomic<TModel>.Load(ref Folio(frame).RefCount);

    /// <summary>Whether the folio may be taken hold of once more; mappings and caches do not ask, there are never so many.</summary>
    public bool HasRoomForReferences(uint frame) => References(frame) < ReferenceLimit;

    /// <summary>Current mappings of the page: entries of level 1 and, of a large folio, huge leaves.</summary>
    public uint Mappings(uint frame)
    {
        uint mappings = Atomic<TModel>.Load(ref this[frame].MapCount);
        return IsLarge(frame) ? mappings + large.EntireMappings(HeadOf(frame)) : mappings;
    }

    /// <summary>Current mappings of the folio: the sum over its pages, a huge leaf counting one.</summary>
    public uint FolioMappings(uint frame) =>
        IsLarge(frame) ? large.TotalMappings(HeadOf(frame)) : Atomic<TModel>.Load(ref this[frame].MapCount);

    /// <summary>Adds references to a folio of which the caller already holds one.</summary>
    public void Get(uint frame, int count = 1) => Atomic<TModel>.Add(ref Folio(frame).RefCount, count);

    /// <summary>
    /// Adds a reference unless there is none (the frame is free or frozen). Of frames that may belong to a large folio:
    /// <see cref="Folios{TModel}.TryGet"/>.
    /// </summary>
    public bool TryGet(uint frame) => Atomic<TModel>.TryIncrement(ref this[frame].RefCount);

    /// <summary>Drops references; returns whether they were the last: the caller then owns the folio and must free it.</summary>
    public bool Put(uint frame, int count = 1) => Atomic<TModel>.Add(ref Folio(frame).RefCount, -count) == 0;

    /// <summary>
    /// Makes one reference that the caller holds a pin (FOLL_PIN): of a base page by the bias, of a large folio in a counter of its own, as its
    /// many mappings would look like pins. <see cref="Folios{TModel}.PutPin"/> ends it.
    /// </summary>
    public void ConvertToPin(uint frame)
    {
        if (IsLarge(frame))
            large.AddPin(HeadOf(frame));
        else
            Get(frame, (int)PinBias - 1);
    }

    /// <summary>References that one pin of the frame holds.</summary>
    public uint PinReferences(uint frame) => IsLarge(frame) ? 1 : PinBias;

    /// <summary>Takes all references at once if there are exactly <paramref name="expected"/> (the kernel's page_ref_freeze).</summary>
    public bool TryFreeze(uint frame, uint expected) => Atomic<TModel>.CompareExchange(ref Folio(frame).RefCount, 0, expected) == expected;

    /// <summary>Ends a freeze with the given number of references.</summary>
    public void Unfreeze(uint frame, uint count) => Atomic<TModel>.Store(ref Folio(frame).RefCount, count);

    /// <summary>Counts one more mapping of a base page. The reference that goes with it is taken first.</summary>
    public void AddMapping(uint frame) => Atomic<TModel>.Add(ref this[frame].MapCount, 1);

    /// <summary>Counts one mapping of a base page less; returns how many are left. The reference that goes with it is dropped after.</summary>
    public uint RemoveMapping(uint frame) => Atomic<TModel>.Add(ref this[frame].MapCount, -1);

    /// <summary>As <see cref="AddMapping(uint)"/>, for an entry of level 1 in an address space and frames that may belong to a large folio.</summary>
    public void AddMapping(uint frame, uint space)
    {
        if (IsLarge(frame))
            large.AddPage(frame, HeadOf(frame), space);
        else
            AddMapping(frame);
    }

    /// <summary>
    /// As <see cref="RemoveMapping(uint)"/>, for an entry of level 1 in an address space and frames that may belong to a large folio.
    /// </summary>
    public void RemoveMapping(uint frame, uint space)
    {
        if (IsLarge(frame))
            large.RemovePage(frame, HeadOf(frame), space);
        else
            RemoveMapping(frame);
    }

    /// <summary>Current flags: <see cref="FrameFlags.AnonExclusive"/> of the frame, all others of its folio.</summary>
    public FrameFlags Flags(uint frame)
    {
        var own = (FrameFlags)Atomic<TModel>.Load(ref this[frame].Flags);
        if ((own & FrameFlags.Tail) == 0)
            return own;
        var folio = (FrameFlags)Atomic<TModel>.Load(ref Folio(frame).Flags);
        return (folio & ~FrameFlags.AnonExclusive) | (own & FrameFlags.AnonExclusive);
    }

    /// <summary>Whether all the given flags are set.</summary>
    public bool Has(uint frame, FrameFlags flags) => (Flags(frame) & flags) == flags;

    /// <summary>Sets flags; returns what they were.</summary>
    public FrameFlags Set(uint frame, FrameFlags flags)
    {
        if (HeadOf(frame) == frame)
            return (FrameFlags)Atomic<TModel>.Or(ref this[frame].Flags, (ulong)flags);
        FrameFlags before = Flags(frame);
        if ((flags & FrameFlags.AnonExclusive) != 0)
            Atomic<TModel>.Or(ref this[frame].Flags, (ulong)FrameFlags.AnonExclusive);
        if ((flags & ~FrameFlags.AnonExclusive) is not 0 and var others)
            before = (FrameFlags)Atomic<TModel>.Or(ref Folio(frame).Flags, (ulong)others);
        return before;
    }

    /// <summary>Clears flags; returns what they were.</summary>
    public FrameFlags Clear(uint frame, FrameFlags flags)
    {
        if (HeadOf(frame) == frame)
            return (FrameFlags)Atomic<TModel>.And(ref this[frame].Flags, ~(ulong)flags);
        FrameFlags before = Flags(frame);
        if ((flags & FrameFlags.AnonExclusive) != 0)
            Atomic<TModel>.And(ref this[frame].Flags, ~(ulong)FrameFlags.AnonExclusive);
        if ((flags & ~FrameFlags.AnonExclusive) is not 0 and var others)
            before = (FrameFlags)Atomic<TModel>.And(ref Folio(frame).Flags, ~(ulong)others);
        return before;
    }

    /// <summary>Takes the folio lock (or page-table lock of a table), waiting for its owner.</summary>
    public void Lock(uint frame) => WordLock<TModel>.Acquire(ref Folio(frame).Lock);

    /// <summary>Takes the lock if it is free.</summary>
    public bool TryLock(uint frame) => WordLock<TModel>.TryAcquire(ref Folio(frame).Lock);

    /// <summary>Gives the lock back.</summary>
    public void Unlock(uint frame) => WordLock<TModel>.Release(ref Folio(frame).Lock);

    /// <summary>Checked models: throws unless the calling thread holds the folio's lock.</summary>
    public void AssertLocked(uint frame)
    {
        if (TModel.Checked)
            WordLock<TModel>.AssertHeld(ref Folio(frame).Lock);
    }

    /// <summary>
    /// May the folio be pinned? True for every pinned base page, and for one with 1024 or more ordinary references; exact for a large folio.
    /// </summary>
    public bool MaybePinned(uint frame) => IsLarge(frame) ? large.Pins(HeadOf(frame)) != 0 : References(frame) >= PinBias;

    /// <summary>Number of frames of the folio whose flags are given.</summary>
    internal static uint FolioPages(FrameFlags flags) => 1u << OrderOf((ulong)flags);

    private static int OrderOf(ulong flags) => (int)((flags & (ulong)FrameFlags.OrderMask) >> OrderShift);

    private static uint HeadOf(uint frame, ulong flags) => frame & ~((1u << OrderOf(flags)) - 1);
}
