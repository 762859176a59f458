using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>State of the frames as a whole, one record in <see cref="MetadataRegion.FrameState"/>.</summary>
/// <seealso cref="LruListTable"/>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct FrameState
{
    /// <summary>The shared zero page; set when the machine is created.</summary>
    public uint ZeroFrame;

    /// <summary>
    /// Allocation epoch. A frame born in the current epoch is still in a processor's LRU batch, as in the kernel before lru_add_drain:
    /// when it is freed it cannot be handed out again before the epoch ends.
    /// </summary>
    public uint Epoch;

    /// <summary>Number of the current batch of mlock: <see cref="FrameAllocator{TModel}.NoteMlock"/>. Atomic.</summary>
    internal uint MlockBatch;

    /// <summary>Frames that the current batch of mlock has. Atomic.</summary>
    internal uint MlockBatchCount;

    /// <summary>Pages of files that the system around the machine has in memory.</summary>
    internal ulong OutsidePages;

    /// <summary>Frame allocator: frames taken from the areas, those in caches included. Atomic.</summary>
    internal ulong TakenFromAreas;

    /// <summary>Frame allocator: areas below this one have no free frame, most likely. Atomic; a hint.</summary>
    internal ulong FirstFreeArea;

    /// <summary>Frame allocator: areas below this one have a frame taken, most likely. Atomic; a hint.</summary>
    internal ulong FirstWholeArea;

    /// <summary>Frame allocator: one bit per cache that has frames to hand out. A bit changes under its cache's lock.</summary>
    internal ulong CachesWithFrames;

    /// <summary>Frame allocator: one bit per cache that has deferred frames. A bit changes under its cache's lock.</summary>
    internal ulong CachesWithDeferred;

    /// <summary>
    /// Lock over the LRU lists: owner, 0 when free. It begins a cache line of its own, because whoever allocates reads what stands before it.
    /// </summary>
    public ulong LruLock;

    /// <summary>The LRU lists, by <see cref="LruKind"/>.</summary>
    public LruListTable Lru;

    /// <summary>What reclaim thinks the lists' lengths are, in pages: the lengths of a moment ago, as the kernel's statistics are.</summary>
    internal LruLengths Statistics;

    /// <summary>How far the lists have moved on (lruvec.nonresident_age): pages that were evicted from them or became active. Atomic.</summary>
    internal uint Age;

    /// <summary>The same of the system around the machine: all of <see cref="Age"/>, and what was evicted on nobody's behalf. Atomic.</summary>
    internal uint OutsideAge;

    /// <summary>Lock over the list of large folios to be split: owner, 0 when free. Innermost.</summary>
    public ulong SplitLock;

    /// <summary>The folio that has been longest on that list, 0 when it is empty.</summary>
    public uint SplitOldest;

    /// <summary>The folio that came on that list last, 0 when it is empty.</summary>
    public uint SplitYoungest;

    /// <summary>Folios on that list.</summary>
    public uint SplitCount;

    /// <summary>First frame of the huge zero page, 0 before somebody needed it. Atomic; set once.</summary>
    public uint HugeZeroFrame;

    /// <summary>
    /// LRU lists: one bit per cache in which folios are on their way to them. Atomic; set after a push, cleared before the stack is taken.
    /// </summary>
    internal ulong CachesWithArrivals;
}
