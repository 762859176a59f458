using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>
/// The records of same-page merging, and who takes part in it: address spaces enter with their first mergeable VMA or by fork, in scan order,
/// and leave when they end (mm/ksm.c __ksm_enter, __ksm_exit).
/// </summary>
/// <remarks>
/// What the scanner does with nodes and items is a matter of a floor above; here is what faults, fork, exit and verification need to know.
/// </remarks>
public sealed class KsmRegistry<TModel>
    where TModel : IModel
{
    private readonly MachineImage image;
    private readonly AddressSpaces<TModel> spaces;

    /// <summary>Makes a view of the records of an image.</summary>
    public KsmRegistry(MachineImage image, AddressSpaces<TModel> spaces)
    {
        ArgumentNullException.ThrowIfNull(image);
        this.image = image;
        this.spaces = spaces;
        Slots = new RecordPool<TModel, KsmSlot>(image, MetadataRegion.KsmSlots);
        Items = new RecordPool<TModel, KsmItem>(image, MetadataRegion.KsmItems);
        Nodes = new RecordPool<TModel, KsmNode>(image, MetadataRegion.KsmNodes);
    }

    /// <summary>Address spaces that take part.</summary>
    public RecordPool<TModel, KsmSlot> Slots { get; }

    /// <summary>Pages that were looked at.</summary>
    public RecordPool<TModel, KsmItem> Items { get; }

    /// <summary>Merged pages.</summary>
    public RecordPool<TModel, KsmNode> Nodes { get; }

    /// <summary>State of the whole.</summary>
    public ref KsmState State => ref image.Record<KsmState>(MetadataRegion.KsmState, 0);

    /// <summary>Whether everything is being unmerged.</summary>
    public bool IsUnmerging => Atomic<TModel>.Load(ref State.Unmerging) != 0;

    /// <summary>
    /// Pages of an address space that merging counts as merged (ksm_merging_pages of /proc): items, not mappings, so that a page that was
    /// written or swapped out since counts until the next scan, and pages that a fork made shared do not.
    /// </summary>
    public long MergedItems(uint space)
    {
        using MmapHold<TModel> hold = spaces.HoldRead(space);
        uint slot = spaces[space].KsmSlot;
        return slot == 0 ? 0 : (long)Atomic<TModel>.Load(ref Slots[slot].Merged);
    }

    /// <summary>
    /// Lets an address space take part, if it does not: it is scanned last, and by a scan under way not any more. The caller holds its
    /// mmap_lock for writing. False when there is no record left.
    /// </summary>
    public bool TryEnter(uint space)
    {
        if (spaces[space].KsmSlot != 0)
            return true;
        uint slot = Slots.TryAllocate();
        if (slot == 0)
            return false;
        Slots[slot].Space = space;
        Slots[slot].Generation = spaces[space].Generation;
        ref KsmState state = ref State;
        WordLock<TModel>.Acquire(ref state.ListLock);
        InsertBefore(ref state, slot, IsUnmerging ? 0 : state.Cursor); // unmerging must not miss the pages that fork copies behind it
        spaces[space].KsmSlot = slot;
        WordLock<TModel>.Release(ref state.ListLock);
        return true;
    }

    /// <summary>
    /// An address space ends. A slot with items is left to the next scan, which meets it first: its items still lead to forked children.
    /// The caller is the one who tears it down.
    /// </summary>
    public void Exit(uint space)
    {
        uint slot = spaces[space].KsmSlot;
        if (slot == 0)
            return;
        ref KsmState state = ref State;
        WordLock<TModel>.Acquire(ref state.ListLock);

        // The scanner may have noticed the end first and freed the slot; it frees the one at the cursor in any case.
        bool own = Slots[slot].Space == space && Slots[slot].Generation == spaces[space].Generation;
        bool free = own && slot != state.Cursor && Slots[slot].FirstItem == 0;
        if (own && slot != state.Cursor)
        {
            Unlink(ref state, slot);
            if (!free)
                InsertBefore(ref state, slot, state.Cursor == 0 ? state.FirstSlot : Slots[state.Cursor].Next);
        }

        WordLock<TModel>.Release(ref state.ListLock);
        if (free)
            Slots.Free(slot);
    }

    /// <summary>Starts a walk of the slots; returns the first, 0 when there is none. The caller holds <see cref="KsmState.Lock"/>.</summary>
    public uint BeginWalk()
    {
        ref KsmState state = ref State;
        WordLock<TModel>.Acquire(ref state.ListLock);
        uint first = state.Cursor = state.FirstSlot;
        WordLock<TModel>.Release(ref state.ListLock);
        return first;
    }

    /// <summary>
    /// Goes to the next slot and returns it, 0 at the end of the walk.
    /// </summary>
    /// <param name="drop">
    /// Whether the current slot is done with for good. Then it has no item; a living address space has no mergeable VMA, and the caller holds
    /// its mmap_lock.
    /// </param>
    /// <param name="space">The slot's address space when it lives (the caller is a user of it), else 0.</param>
    public uint Advance(bool drop, uint space)
    {
        ref KsmState state = ref State;
        WordLock<TModel>.Acquire(ref state.ListLock);
        uint slot = state.Cursor;
        uint next = state.Cursor = Slots[slot].Next;
        if (drop)
        {
            Unlink(ref state, slot);
            Slots[slot].Space = 0; // an address space that ends now must not take the slot for its own any more
            if (space != 0)
                spaces[space].KsmSlot = spaces[space].MergesAll = 0; // what it maps later would not be scanned (MMF_VM_MERGE_ANY goes too)
        }

        WordLock<TModel>.Release(ref state.ListLock);
        if (drop)
            Slots.Free(slot);
        return next;
    }

    /// <summary>Ends a walk before its end.</summary>
    public void EndWalk()
    {
        ref KsmState state = ref State;
        WordLock<TModel>.Acquire(ref state.ListLock);
        state.Cursor = 0;
        WordLock<TModel>.Release(ref state.ListLock);
    }

    /// <summary>Links a slot into the list; 0 as the place is the end.</summary>
    private void InsertBefore(ref KsmState state, uint slot, uint place)
    {
        uint previous = place == 0 ? state.LastSlot : Slots[place].Previous;
        Slots[slot].Previous = previous;
        Slots[slot].Next = place;
        if (previous == 0)
            state.FirstSlot = slot;
        else
            Slots[previous].Next = slot;
        if (place == 0)
            state.LastSlot = slot;
        else
            Slots[place].Previous = slot;
    }

    private void Unlink(ref KsmState state, uint slot)
    {
        (uint previous, uint next) = (Slots[slot].Previous, Slots[slot].Next);
        if (previous == 0)
            state.FirstSlot = next;
        else
            Slots[previous].Next = next;
        if (next == 0)
            state.LastSlot = previous;
        else
            Slots[next].Previous = previous;
    }
}
