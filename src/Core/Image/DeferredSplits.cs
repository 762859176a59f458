using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// The large folios of which some pages lost their last mapping, first come first out (mm/huge_memory.c, the deferred split queue): splitting them
/// gives frames back that nobody can use.
/// </summary>
/// <remarks>
/// A folio is linked through the LRU links of its fourth frame, whose Count says that it is on the list; all of it under
/// <see cref="FrameState.SplitLock"/>, which is innermost. Being on the list is no reference: who frees or splits a folio takes it off. Nobody puts a
/// folio on that has no mapping, so a free one cannot come back.
/// </remarks>
/// <example>
/// <code>
/// DeferredSplits&lt;Mainline&gt; waiting = machine.Context.Folios.Table.DeferredSplits;
/// Console.WriteLine($"{waiting.Count} large folios have lost some of their pages");
/// </code>
/// </example>
public sealed class DeferredSplits<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly FrameTable<TModel> frames;

    internal DeferredSplits(MachineImage image, FrameTable<TModel> frames)
    {
        this.image = image;
        this.frames = frames;
    }

    /// <summary>Folios on the list.</summary>
    public uint Count => Atomic<TModel>.Load(ref State.SplitCount);

    /// <summary>The folio that has been longest on the list, 0 when it is empty; for observers.</summary>
    internal uint Oldest => State.SplitOldest;

    private ref FrameState State => ref image.Record<FrameState>(MetadataRegion.FrameState, 0);

    /// <summary>Whether a folio is on the list; it may be off it, or another one, a moment later unless the caller has a reference.</summary>
    public bool Contains(uint head) => Atomic<TModel>.Load(ref Links(head).Count) != 0;

    /// <summary>Puts a folio at the young end, unless it is on the list. The caller has a reference to it.</summary>
    public void Add(uint head)
    {
        if (Contains(head))
            return;
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.SplitLock);
        ref FrameRecord links = ref Links(head);
        if (links.Count == 0)
        {
            Atomic<TModel>.Store(ref links.Count, 1);
            links.LruPrevious = state.SplitYoungest;
            links.LruNext = 0;
            if (state.SplitYoungest != 0)
                Links(state.SplitYoungest).LruNext = head;
            else
                state.SplitOldest = head;
            state.SplitYoungest = head;
            Atomic<TModel>.Store(ref state.SplitCount, state.SplitCount + 1);
        }

        WordLock<TModel>.Release(ref state.SplitLock);
    }

    /// <summary>
    /// Takes a folio off the list, if it is on it. Nobody puts it on meanwhile: the caller froze its references, or has the last one.
    /// </summary>
    public void Remove(uint head)
    {
        if (!Contains(head))
            return;
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.SplitLock);
        if (Links(head).Count != 0)
            Unlink(ref state, head);
        WordLock<TModel>.Release(ref state.SplitLock);
    }

    /// <summary>Takes the folio that has been longest on the list off it, with a reference; 0 when there is none that is not being freed.</summary>
    public uint TryTake()
    {
        if (Count == 0)
            return 0;
        ref FrameState state = ref State;
        WordLock<TModel>.Acquire(ref state.SplitLock);
        uint head = state.SplitOldest;
        while (head != 0 && !frames.TryGet(head))
            head = Links(head).LruNext; // frozen, or being freed by somebody who waits for the lock
        if (head != 0)
            Unlink(ref state, head);
        WordLock<TModel>.Release(ref state.SplitLock);
        return head;
    }

    /// <summary>The folio behind another one, 0 at the end; for observers.</summary>
    internal uint Next(uint head) => Links(head).LruNext;

    private ref FrameRecord Links(uint head) => ref frames[head + 3];

    private void Unlink(ref FrameState state, uint head)
    {
        ref FrameRecord links = ref Links(head);
        if (links.LruPrevious != 0)
            Links(links.LruPrevious).LruNext = links.LruNext;
        else
            state.SplitOldest = links.LruNext;
        if (links.LruNext != 0)
            Links(links.LruNext).LruPrevious = links.LruPrevious;
        else
            state.SplitYoungest = links.LruPrevious;
        links.LruNext = links.LruPrevious = 0;
        Atomic<TModel>.Store(ref links.Count, 0);
        Atomic<TModel>.Store(ref state.SplitCount, state.SplitCount - 1);
    }
}
