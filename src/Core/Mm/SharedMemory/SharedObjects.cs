using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// The shared memory objects of a machine: life, size, the VMAs that show each, and the list of those that may have pages in swap (the
/// kernel's shmem_swaplist). Their pages are the business of <see cref="SharedCache{TArch, TModel}"/>.
/// </summary>
/// <remarks>
/// A VMA is linked to its object, and counted as a reference, by <see cref="Vmas{TModel}"/>, which takes <see cref="Lock"/> for that. Numbers of
/// objects are valid as long as the caller has a reference, a VMA that shows the object under its mmap_lock, or a locked folio of it.
/// </remarks>
public sealed class SharedObjects<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly RecordPool<TModel, SharedObject> pool;
    private readonly RecordPool<TModel, Vma> vmas;

    internal SharedObjects(MachineImage image, RecordPool<TModel, Vma> vmas)
    {
        this.image = image;
        this.vmas = vmas;
        pool = new RecordPool<TModel, SharedObject>(image, MetadataRegion.SharedObjects);
        Index = new SharedPageIndex<TModel>(image, pool);
        Nodes = new SharedVmaNodes<TModel>(vmas, image.PageShift);
        Tree = new AugmentedTree<SharedVmaNodes<TModel>>(Nodes);
    }

    /// <summary>Where their pages are.</summary>
    public SharedPageIndex<TModel> Index { get; }

    /// <summary>Objects in use.</summary>
    public uint InUse => pool.InUse;

    /// <summary>Highest number that an object ever had.</summary>
    public uint HighWater => pool.HighWater;

    /// <summary>First object on the swap list, for checks.</summary>
    internal uint FirstOnSwapList => State.SharedSwapHead;

    internal SharedVmaNodes<TModel> Nodes { get; }

    internal AugmentedTree<SharedVmaNodes<TModel>> Tree { get; }

    private ref MmState State => ref image.Record<MmState>(MetadataRegion.MmState, 0);

    /// <summary>The record of an object.</summary>
    /// <exception cref="CorruptImageException">The number is 0 or outside the pool.</exception>
    public ref SharedObject this[uint number] => ref pool[number];

    /// <summary>Size of an object in pages.</summary>
    public ulong PagesOf(uint number) => Atomic<TModel>.Load(ref pool[number].Pages);

    /// <summary>A new object without pages in memory, with one reference; 0 when there are no more records.</summary>
    public uint TryCreate(ulong pages)
    {
        uint number = pool.TryAllocate();
        if (number == 0)
            return 0;
        pool[number].Pages = pages;
        Atomic<TModel>.Store(ref pool[number].References, 1);
        return number;
    }

    /// <summary>Takes a reference unless there is none: the object is free or about to be.</summary>
    public bool TryGet(uint number) => Atomic<TModel>.TryIncrement(ref pool[number].References);

    /// <summary>Drops a reference; true when it was the last, so that the caller must empty and <see cref="Free"/> the object.</summary>
    internal bool Drop(uint number) => Atomic<TModel>.Add(ref pool[number].References, -1) == 0;

    /// <summary>Frees an object without references, VMAs and pages.</summary>
    internal void Free(uint number)
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.SharedSwapLock);
        if (pool[number].OnSwapList != 0)
            TakeOffSwapList(ref state, number);
        WordLock<TModel>.Release(ref state.SharedSwapLock);
        Index.Free(number);
        pool.Free(number);
    }

    // ---- reverse map

    /// <summary>Takes the lock of an object's reverse map; nothing for 0.</summary>
    public void Lock(uint number)
    {
        if (number != 0)
            WordLock<TModel>.Acquire(ref pool[number].Lock);
    }

    /// <summary>Gives the lock back; nothing for 0.</summary>
    public void Unlock(uint number)
    {
        if (number != 0)
            WordLock<TModel>.Release(ref pool[number].Lock);
    }

    /// <summary>The first VMA that shows a page, by page offset, then age; 0 when there is none. Under the lock.</summary>
    public uint FirstVma(uint number, ulong page) => FirstVma(number, page, page + 1);

    /// <summary>The next VMA that shows a page; 0 when there is none. Under the lock.</summary>
    public uint NextVma(uint vma, ulong page) => NextVma(vma, page, page + 1);

    /// <summary>The first VMA that shows any page of [first, end), by page offset, then age; 0 when there is none. Under the lock.</summary>
    internal uint FirstVma(uint number, ulong first, ulong end) => Tree.FirstOverlap(pool[number].Tree, first, end);

    /// <summary>The next VMA that shows any page of [first, end); 0 when there is none. Under the lock.</summary>
    internal uint NextVma(uint vma, ulong first, ulong end) => Tree.NextOverlap(vma, first, end);

    /// <summary>Makes a VMA known to the reverse map of the object that it names. Under the lock; nothing for a private VMA.</summary>
    internal void Link(uint vma)
    {
        uint number = vmas[vma].SharedObject;
        if (number != 0)
            Tree.Insert(ref pool[number].Tree, vma);
    }

    /// <summary>Lets the reverse map forget a VMA: it goes, or its bounds change. Under the lock; nothing for a private VMA.</summary>
    internal void Unlink(uint vma)
    {
        uint number = vmas[vma].SharedObject;
        if (number != 0)
            Tree.Remove(ref pool[number].Tree, vma);
    }

    /// <summary>Counts one more VMA; the caller knows that the object lives. Nothing for 0.</summary>
    internal void AddVma(uint number)
    {
        if (number != 0)
            Atomic<TModel>.Add(ref pool[number].References, 1);
    }

    /// <summary>Counts one VMA less where another one of the same object stays. Nothing for 0.</summary>
    internal void RemoveMergedVma(uint number)
    {
        if (number != 0)
            Drop(number);
    }

    // ---- pages in swap

    /// <summary>Pages of [first, end) that are in swap (shmem_swap_usage).</summary>
    public ulong SwappedPages(uint number, ulong first, ulong end)
    {
        ulong count = 0;
        if (Atomic<TModel>.Load(ref pool[number].Swapped) == 0)
            return 0;
        for (ulong page = first; page < end && Index.TryNext(number, ref page, out SharedPage place) && page < end; page++)
            count += place.IsSwap ? 1u : 0;
        return count;
    }

    /// <summary>
    /// Counts a page that is about to go to swap, and with the first one puts the object at the head of the swap list: before the swap value can
    /// be seen in the object, so that swapoff cannot miss it.
    /// </summary>
    internal void AddSwapped(uint number)
    {
        if (Atomic<TModel>.Add(ref pool[number].Swapped, 1) != 1)
            return;
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.SharedSwapLock); // also when it is on the list: swapoff may be taking it off
        ref SharedObject record = ref pool[number];
        if (record.OnSwapList == 0)
        {
            record.SwapNext = state.SharedSwapHead;
            record.SwapPrevious = 0;
            if (record.SwapNext != 0)
                pool[record.SwapNext].SwapPrevious = number;
            state.SharedSwapHead = number;
            record.OnSwapList = 1;
        }

        WordLock<TModel>.Release(ref state.SharedSwapLock);
    }

    /// <summary>Counts a page that came back or was dropped.</summary>
    internal void RemoveSwapped(uint number) => Atomic<TModel>.Add(ref pool[number].Swapped, -1);

    /// <summary>
    /// The next object on the swap list with a reference taken, 0 at the end. The one before leaves the list if none of its pages is in swap.
    /// </summary>
    /// <param name="after">0, or an object to which the caller has a reference.</param>
    internal uint NextSwapped(uint after)
    {
        ref MmState state = ref State;
        WordLock<TModel>.Acquire(ref state.SharedSwapLock);
        uint next = 0;
        if (after == 0)
            next = state.SharedSwapHead;
        else if (pool[after].OnSwapList != 0)
            next = pool[after].SwapNext; // else another swapoff took it off: the caller comes back as long as slots are in use
        if (after != 0 && pool[after].OnSwapList != 0 && Atomic<TModel>.Load(ref pool[after].Swapped) == 0)
            TakeOffSwapList(ref state, after);
        while (next != 0 && !TryGet(next))
            next = pool[next].SwapNext; // its pages are going
        WordLock<TModel>.Release(ref state.SharedSwapLock);
        return next;
    }

    private void TakeOffSwapList(ref MmState state, uint number)
    {
        ref SharedObject record = ref pool[number];
        if (record.SwapPrevious == 0)
            state.SharedSwapHead = record.SwapNext;
        else
            pool[record.SwapPrevious].SwapNext = record.SwapNext;
        if (record.SwapNext != 0)
            pool[record.SwapNext].SwapPrevious = record.SwapPrevious;
        record.SwapNext = record.SwapPrevious = record.OnSwapList = 0;
    }
}
