using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// Frames with a life: allocation, references that free on the last put, and the LRU list that reclaim works from (the kernel's folio_*
/// and lruvec functions).
/// </summary>
/// <remarks>
/// The LRU list is ordered by birth, oldest first. A frame stays in its place while reclaim looks at it: the scanner holds a reference
/// instead of isolating it. Membership (<see cref="FrameFlags.Lru"/>) and links change under <see cref="FrameState.LruLock"/>, an innermost lock.
/// </remarks>
public sealed class Folios<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;

    /// <summary>Makes a view of the frames of an image.</summary>
    public Folios(MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        this.image = image;
        Table = new FrameTable<TModel>(image);
        Allocator = new FrameAllocator<TModel>(image, Table);
        Groups = new MemoryGroups<TModel>(image, Table);
    }

    /// <summary>Frame records.</summary>
    public FrameTable<TModel> Table { get; }

    /// <summary>Free frames.</summary>
    public FrameAllocator<TModel> Allocator { get; }

    /// <summary>Whom frames are charged to.</summary>
    public MemoryGroups<TModel> Groups { get; }

    /// <summary>The shared zero page, 0 before the machine has made it.</summary>
    public uint ZeroFrame
    {
        get => Atomic<TModel>.Load(ref State.ZeroFrame);
        set => Atomic<TModel>.Store(ref State.ZeroFrame, value);
    }

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>A frame with one reference and undefined content; 0 when RAM is exhausted.</summary>
    public uint TryAllocate() => Allocator.TryAllocate();

    /// <summary>A frame with one reference and zeroed content; 0 when RAM is exhausted.</summary>
    public uint TryAllocateZeroed()
    {
        uint frame = Allocator.TryAllocate();
        if (frame != 0)
            SharedBytes<TModel>.Clear(Table.Bytes(frame));
        return frame;
    }

    /// <summary>Drops references; with the last one the frame leaves the LRU list and is free.</summary>
    public void Put(uint frame, int count = 1)
    {
        uint head = Table.HeadOf(frame); // before the references go: afterwards the frame may be anything
        if (Table.Put(head, count))
            FreeUnreferenced(head);
    }

    /// <summary>Ends a pin (<see cref="FrameTable{TModel}.ConvertToPin"/>).</summary>
    public void PutPin(uint frame)
    {
        if (Table.IsLarge(frame))
            Table.Large.RemovePin(Table.HeadOf(frame));
        Put(frame, (int)Table.PinReferences(frame));
    }

    /// <summary>
    /// Adds a reference to the folio of a frame that the caller found without holding one; false when it is free or frozen. The folio may have
    /// been split between the look at the frame and the reference, which is then one to a stranger: it is dropped and the look repeated.
    /// </summary>
    public bool TryGet(uint frame)
    {
        while (true)
        {
            uint head = Table.HeadOf(frame);
            if (!Table.TryGet(head))
                return false;
            if (Table.HeadOf(frame) == head)
                return true;
            Put(head);
        }
    }

    /// <summary>
    /// A large folio of one block, with one reference for its first frame, zeroed content and no mapping; 0 when no block is free. Everything
    /// of it belongs to the caller.
    /// </summary>
    public uint TryAllocateLarge()
    {
        uint head = Allocator.TryAllocateBlock();
        if (head == 0)
            return 0;
        uint end = head + Allocator.BlockFrames;
        for (uint frame = head; frame < end; frame++)
            SharedBytes<TModel>.Clear(Table.Bytes(frame));
        Table.Large.Form(head);
        return head;
    }

    /// <summary>The first frame of the huge zero page, made at first use; 0 when no block is free.</summary>
    public uint TryHugeZeroFrame()
    {
        ref uint word = ref State.HugeZeroFrame;
        uint frame = Atomic<TModel>.Load(ref word);
        if (frame != 0)
            return frame;
        uint made = TryAllocateLarge();
        if (made == 0)
            return 0;
        Table.Set(made, FrameFlags.Reserved | FrameFlags.Uptodate);
        frame = Atomic<TModel>.CompareExchange(ref word, made, 0);
        if (frame == 0)
            return made;
        Put(made); // somebody else made one meanwhile
        return frame;
    }

    /// <summary>The first frame of the huge zero page, 0 before it was made.</summary>
    public uint HugeZeroFrame => Atomic<TModel>.Load(ref State.HugeZeroFrame);

    /// <summary>Frees a frame whose references the caller froze to 0.</summary>
    public void FreeUnreferenced(uint frame)
    {
        RemoveFromLru(frame);
        FrameFlags flags = Table.Flags(frame);
        if ((flags & FrameFlags.Owner) != 0)
            Groups.Release(frame, flags, Table.IsLarge(frame) ? Table.Large.Pages : 1);
        if (Table.IsLarge(frame))
        {
            Table.Large.Dissolve(frame);
            Allocator.FreeBlock(frame);
            return;
        }

        Allocator.Free(frame);
    }

    /// <summary>Puts a frame that just became one of its own right behind another one on the LRU list (the rest of a split large folio).</summary>
    public void AddToLruBehind(uint frame, uint neighbour)
    {
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock);
        bool listed = Table.Has(neighbour, FrameFlags.Lru);
        if (listed && (Table.Set(frame, FrameFlags.Lru) & FrameFlags.Lru) == 0)
        {
            ref FrameRecord record = ref Table[frame];
            uint next = Table[neighbour].LruNext;
            record.LruPrevious = neighbour;
            record.LruNext = next;
            Table[neighbour].LruNext = frame;
            if (next != 0)
                Table[next].LruPrevious = frame;
            else
                state.LruYoungest = frame;
            state.LruCount++;
        }

        WordLock<TModel>.Release(ref state.LruLock);
        if (!listed)
            AddToLru(frame);
    }

    /// <summary>Puts a frame at the young end of the LRU list, unless it is on it.</summary>
    public void AddToLru(uint frame)
    {
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock);
        if ((Table.Set(frame, FrameFlags.Lru) & FrameFlags.Lru) == 0)
        {
            ref FrameRecord record = ref Table[frame];
            record.LruPrevious = state.LruYoungest;
            record.LruNext = 0;
            if (state.LruYoungest != 0)
                Table[state.LruYoungest].LruNext = frame;
            else
                state.LruOldest = frame;
            state.LruYoungest = frame;
            state.LruCount++;
        }

        WordLock<TModel>.Release(ref state.LruLock);
    }

    /// <summary>Takes a frame off the LRU list, if it is on it.</summary>
    public void RemoveFromLru(uint frame)
    {
        if (!Table.Has(frame, FrameFlags.Lru))
            return;
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock);
        if ((Table.Clear(frame, FrameFlags.Lru) & FrameFlags.Lru) != 0)
            Unlink(ref state, frame);
        WordLock<TModel>.Release(ref state.LruLock);
    }

    /// <summary>
    /// The next frame on the LRU list that is not free, with a reference taken; 0 at the young end.
    /// </summary>
    /// <param name="after">A frame on the list to which the caller holds a reference, or 0 to start with the oldest.</param>
    public uint NextOnLru(uint after)
    {
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock);
        uint next = after == 0 ? state.LruOldest : Table[after].LruNext;
        while (next != 0 && !Table.TryGet(next))
            next = Table[next].LruNext; // being freed by somebody who waits for the lock
        WordLock<TModel>.Release(ref state.LruLock);
        return next;
    }

    /// <summary>Keeps a frame out of reclaim: counted, so that as many <see cref="Munlock"/> end it.</summary>
    public void Mlock(uint frame)
    {
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock); // flags and count change together, as under the kernel's lruvec lock
        Table.Set(frame, FrameFlags.Mlocked | FrameFlags.Unevictable);
        Table.Folio(frame).Count++;
        WordLock<TModel>.Release(ref state.LruLock);
    }

    /// <summary>As <see cref="Mlock"/>, unless the frame is counted already.</summary>
    public void MlockIfNot(uint frame)
    {
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock);
        if ((Table.Set(frame, FrameFlags.Mlocked | FrameFlags.Unevictable) & FrameFlags.Mlocked) == 0)
            Table[frame].Count++;
        WordLock<TModel>.Release(ref state.LruLock);
    }

    /// <summary>Takes one <see cref="Mlock"/> back; a frame that has none loses its flags all the same.</summary>
    public void Munlock(uint frame)
    {
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.LruLock);
        ref FrameRecord record = ref Table.Folio(frame);
        if (record.Count != 0)
            record.Count--;
        if (record.Count == 0)
            Table.Clear(frame, FrameFlags.Mlocked | FrameFlags.Unevictable);
        WordLock<TModel>.Release(ref state.LruLock);
    }

    private void Unlink(ref FrameState state, uint frame)
    {
        ref FrameRecord record = ref Table[frame];
        if (record.LruPrevious != 0)
            Table[record.LruPrevious].LruNext = record.LruNext;
        else
            state.LruOldest = record.LruNext;
        if (record.LruNext != 0)
            Table[record.LruNext].LruPrevious = record.LruPrevious;
        else
            state.LruYoungest = record.LruPrevious;
        record.LruNext = record.LruPrevious = 0;
        state.LruCount--;
    }
}
