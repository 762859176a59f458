using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// Frames with a life: allocation, references that free on the last put, and the lists that reclaim works from (the kernel's folio_* functions).
/// </summary>
/// <seealso cref="DeferredSplits{TModel}"/>
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
        Lru = new LruLists<TModel>(image, Table);
        Groups = new MemoryGroups<TModel>(image, Table);
    }

    /// <summary>Frame records.</summary>
    public FrameTable<TModel> Table { get; }

    /// <summary>Free frames.</summary>
    public FrameAllocator<TModel> Allocator { get; }

    /// <summary>The lists that reclaim works from.</summary>
    public LruLists<TModel> Lru { get; }

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
            if (!TModel.TakerRechecksHead || Table.HeadOf(frame) == head)
                return true;
            Put(head);
        }
    }

    /// <summary>
    /// A large folio of one block, with one reference for its first frame, zeroed content and no mapping; 0 when no block is free. Everything
    /// of it belongs to the caller.
    /// </summary>
    public uint TryAllocateLarge() => TryAllocateLarge(Table.Large.LargestOrder, zeroed: true);

    /// <summary>As <see cref="TryAllocateLarge()"/>, of 2^order frames.</summary>
    /// <param name="order">From <see cref="LargeFolios{TModel}.SmallestOrder"/> to <see cref="LargeFolios{TModel}.LargestOrder"/>.</param>
    /// <param name="zeroed">Whether the content is zeroed; else it is undefined.</param>
    public uint TryAllocateLarge(int order, bool zeroed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(order, LargeFolios<TModel>.SmallestOrder);
        uint head = order == Table.Large.LargestOrder ? Allocator.TryAllocateBlock() : Allocator.TryAllocateRun(order);
        if (head == 0)
            return 0;
        for (uint frame = head; zeroed && frame < head + (1u << order); frame++)
            SharedBytes<TModel>.Clear(Table.Bytes(frame));
        Table.Large.Form(head, order);
        return head;
    }

    /// <summary>
    /// Makes the frames of a frozen large folio folios of their own, for the allocator too: <see cref="LargeFolios{TModel}.Separate"/>.
    /// </summary>
    internal void Separate(uint head)
    {
        int order = Table.OrderOf(head);
        Table.Large.Separate(head);
        if (order == Table.Large.LargestOrder)
            Allocator.SplitBlock(head); // the frames of a smaller folio are known to the allocator one by one
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

    /// <summary>As <see cref="FreeUnreferenced"/>, single frames that no group is charged for, many at once.</summary>
    internal void FreeFrozen(ReadOnlySpan<uint> frames)
    {
        if (frames.IsEmpty)
            return;
        Lru.TakeOff(frames);
        Allocator.FreeFrozen(frames);
    }

    /// <summary>Frees a frame whose references the caller froze to 0.</summary>
    public void FreeUnreferenced(uint frame)
    {
        Lru.TryIsolate(frame);
        FrameFlags flags = Table.Flags(frame);
        if ((flags & FrameFlags.Owner) != 0)
            Groups.Release(frame, flags, Table.PagesOf(frame));
        if (Table.IsLarge(frame))
        {
            int order = Table.OrderOf(frame);
            Table.DeferredSplits.Remove(frame);
            Table.Large.Dissolve(frame);
            if (order == Table.Large.LargestOrder)
                Allocator.FreeBlock(frame);
            else
                Allocator.FreeRun(frame, order);
            return;
        }

        Allocator.Free(frame);
    }
}
