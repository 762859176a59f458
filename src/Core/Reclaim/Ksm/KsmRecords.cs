using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>
/// Items and nodes: what joins and leaves what (mm/ksm.c ksm_get_folio, remove_node_from_stable_tree, remove_rmap_item_from_tree,
/// stable_tree_append).
/// </summary>
/// <remarks>
/// <para>The caller holds <see cref="KsmState.Lock"/>, and no folio lock where a member takes one.</para>
/// <para>A node holds no reference to its frame: the frame goes when its last mapping and its place in the swap cache go, and the node is
/// found stale afterwards. Proof that it is not: the frame still names the node, seen after a reference "unless zero" was had. A frame's name
/// for its node changes only under <see cref="KsmState.Lock"/>, and the frame's folio lock; or under the folio locks of two frames, when the page
/// moves from one to the other. So who maps the frame on the strength of a reference, or changes the list of items, has to have had its lock
/// after the reference: either the migration sees the reference and gives up, or the node is seen to be another frame's.</para>
/// </remarks>
internal sealed class KsmRecords<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Items of a node after which further pages are given another one (max_page_sharing), so that no walk of them takes too long.</summary>
    internal const uint MaxPageSharing = 256;

    private readonly MmContext<TArch, TModel> mm;
    private readonly RecordPool<TModel, KsmItem> items;
    private readonly RecordPool<TModel, KsmNode> nodes;
    private readonly RecordPool<TModel, KsmSlot> slots;
    private readonly AugmentedTree<KsmStableNodes<TModel>> stable;
    private readonly RedBlackTree<KsmUnstableNodes<TModel>> unstable;

    internal KsmRecords(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        items = mm.Ksm.Items;
        nodes = mm.Ksm.Nodes;
        slots = mm.Ksm.Slots;
        stable = new AugmentedTree<KsmStableNodes<TModel>>(new KsmStableNodes<TModel>(nodes));
        unstable = new RedBlackTree<KsmUnstableNodes<TModel>>(new KsmUnstableNodes<TModel>(items));
    }

    /// <summary>
    /// The item of an address, made if need be; items of the slot below it that the scan did not meet are dropped. 0 when there are no more
    /// records.
    /// </summary>
    /// <param name="slot">The slot.</param>
    /// <param name="previous">The last item that the scan met, 0 at the start; updated.</param>
    /// <param name="address">The address; ascending from call to call.</param>
    internal uint ItemAt(uint slot, ref uint previous, ulong address)
    {
        uint item = Following(slot, previous);
        while (item != 0 && items[item].Address < address)
        {
            DropFollowing(slot, previous);
            item = Following(slot, previous);
        }

        if (item == 0 || items[item].Address != address)
        {
            uint next = item;
            item = items.TryAllocate();
            if (item == 0)
                return 0;
            items[item].Slot = slot;
            items[item].Address = address;
            items[item].NextInSlot = next;
            SetFollowing(slot, previous, item);
        }

        previous = item;
        return item;
    }

    /// <summary>Drops all items of a slot behind one, all of them for 0.</summary>
    internal void DropRest(uint slot, uint previous)
    {
        while (Following(slot, previous) != 0)
            DropFollowing(slot, previous);
    }

    /// <summary>Takes an item out of its tree or its node's list; it stays in its slot.</summary>
    internal void Leave(uint number)
    {
        ref KsmItem item = ref items[number];
        if (item.State == KsmItemState.Unstable)
        {
            if (item.Scan == mm.Ksm.State.Scan)
                unstable.Remove(ref mm.Ksm.State.UnstableRoot, number);
            item.State = KsmItemState.None;
        }
        else if (item.State == KsmItemState.Stable)
        {
            uint frame = TryLockFrame(item.Node);
            if (frame == 0)
            {
                Forget(item.Node);
                return;
            }

            Unlink(ref item);
            mm.Frames.Unlock(frame);
            mm.Folios.Put(frame);
            item.Node = 0;
            Unjoin(ref item);
        }
    }

    /// <summary>
    /// Joins an item to a node: from now on reclaim finds the mapping. The caller holds the folio lock of the node's frame, and the item has
    /// a reference to its anon_vma.
    /// </summary>
    internal void Join(uint number, uint node)
    {
        ref KsmItem item = ref items[number];
        uint next = nodes[node].FirstItem;
        item.Node = node;
        item.NextInNode = next;
        item.PreviousInNode = 0;
        if (next != 0)
            items[next].PreviousInNode = number;
        nodes[node].FirstItem = number;
        nodes[node].ItemCount++;
        item.State = KsmItemState.Stable;
        Atomic<TModel>.Add(ref slots[item.Slot].Merged, 1);
    }

    /// <summary>The item at the top of the tree of pages that have no equal yet, 0 when none waits.</summary>
    internal uint FirstWaiting => mm.Ksm.State.UnstableRoot;

    /// <summary>The item below one that waits: of pages with lesser content or with greater; 0 when there is none.</summary>
    internal uint WaitingBelow(uint number, bool lesser) => lesser ? unstable.Left(number) : unstable.Right(number);

    /// <summary>Puts an item into the tree of pages that have no equal yet, at the end of the way that led down to its place.</summary>
    internal void Wait(uint number, uint parent, bool lesser)
    {
        ref KsmState state = ref mm.Ksm.State;
        items[number].State = KsmItemState.Unstable;
        items[number].Scan = state.Scan;
        unstable.InsertBelow(ref state.UnstableRoot, parent, lesser, number);
    }

    /// <summary>
    /// A merged page with the content of a frame that may be shared more often: its node, and a reference to its frame; 0 when there is none.
    /// A page without items is on its way out: nobody is sent there any more, even while it is mapped.
    /// </summary>
    /// <remarks>
    /// Of several it is the one whose turn it is: the youngest, or the one that was found last and has room for two (stable_node_dup). Every two
    /// seconds of its clock the kernel takes the one with most items instead; there is no clock here.
    /// </remarks>
    internal uint FindMerged(uint frame, ulong checksum, out uint merged)
    {
        Prune();
        merged = 0;
        uint found = 0;
        uint first = 0;
        uint next;
        ref KsmState state = ref mm.Ksm.State;
        for (uint node = stable.FirstOverlap(state.StableRoot, checksum, checksum + 1); node != 0; node = next)
        {
            next = stable.NextOverlap(node, checksum, checksum + 1);
            first = Math.Max(first, nodes[node].Turn);
            if (nodes[node].ItemCount is 0 or >= MaxPageSharing || (found != 0 && nodes[node].Turn <= nodes[found].Turn))
                continue;
            uint candidate = TryGetEqual(node, frame);
            if (candidate == 0)
                continue;
            if (merged != 0)
                mm.Folios.Put(merged);
            (found, merged) = (node, candidate);
        }

        if (found != 0 && nodes[found].Turn != first && nodes[found].ItemCount + 1 < MaxPageSharing)
            nodes[found].Turn = ++state.LastTurn;
        return found;
    }

    /// <summary>The frame of a node if it has the content of another one, with a reference; else 0.</summary>
    private uint TryGetEqual(uint node, uint frame)
    {
        uint candidate = TryLockFrame(node);
        if (candidate == 0)
        {
            Forget(node);
            return 0;
        }

        mm.Frames.Unlock(candidate); // a migration that comes from now on sees the reference
        if (SharedBytes<TModel>.Compare(mm.Frames.Bytes(candidate), mm.Frames.Bytes(frame)) == 0 && mm.Tags.Identical(candidate, frame))
            return candidate;
        mm.Folios.Put(candidate);
        return 0;
    }

    /// <summary>
    /// Makes a node for a frame that has become a KSM frame (stable_tree_insert). The caller holds its folio lock and a reference. 0 when
    /// there are no more records.
    /// </summary>
    internal uint TryCreateNode(uint frame)
    {
        uint node = nodes.TryAllocate();
        if (node == 0)
            return 0;
        nodes[node].Frame = frame;
        nodes[node].Checksum = SharedBytes<TModel>.Checksum(mm.Frames.Bytes(frame));
        ref KsmState state = ref mm.Ksm.State;
        nodes[node].Turn = ++state.LastTurn;
        nodes[node].Previous = state.LastNode;
        if (state.LastNode == 0)
            state.FirstNode = node;
        else
            nodes[state.LastNode].Next = node;
        state.LastNode = node;
        stable.Insert(ref state.StableRoot, node);
        mm.Frames[frame].Mapping = node;
        return node;
    }

    /// <summary>
    /// Removes all nodes whose frame is gone or nobody maps (remove_all_stable_nodes). A frame that only the swap cache keeps bears the mark
    /// without a node then; whoever swaps it in gets a copy.
    /// </summary>
    internal void ForgetUnmapped()
    {
        uint next;
        for (uint node = mm.Ksm.State.FirstNode; node != 0; node = next)
        {
            next = nodes[node].Next;
            uint frame = TryLockFrame(node);
            if (frame == 0)
            {
                Forget(node);
                continue;
            }

            if (mm.Frames.Mappings(frame) == 0)
            {
                mm.Frames[frame].Mapping = 0;
                Forget(node);
            }

            mm.Frames.Unlock(frame);
            mm.Folios.Put(frame);
        }
    }

    /// <summary>Drops an item's reference to its anon_vma, if it has one.</summary>
    internal void PutAnonVma(ref KsmItem item)
    {
        if (item.AnonVma == 0)
            return;
        mm.ReverseMap.Put(item.AnonVma);
        item.AnonVma = 0;
    }

    /// <summary>
    /// Forgets nodes whose frame is gone, once in a scan, before the first search: such a node without items is met in no other way. Oldest
    /// first.
    /// </summary>
    private void Prune()
    {
        ref KsmState state = ref mm.Ksm.State;
        if (state.PrunedInScan == state.Scan)
            return;
        state.PrunedInScan = state.Scan;
        uint next;
        for (uint node = state.FirstNode; node != 0; node = next)
        {
            next = nodes[node].Next;
            uint frame = TryGetFrame(node);
            if (frame == 0)
                Forget(node);
            else
                mm.Folios.Put(frame);
        }
    }

    /// <summary>As <see cref="TryGetFrame(uint)"/>, and locked: the page does not move until it is unlocked.</summary>
    private uint TryLockFrame(uint node)
    {
        while (true)
        {
            uint frame = TryGetFrame(node);
            if (frame == 0)
                return 0;
            mm.Frames.Lock(frame);
            if (IsFrameOf(frame, node))
                return frame;
            mm.Frames.Unlock(frame); // it has moved on meanwhile
            mm.Folios.Put(frame);
        }
    }

    /// <summary>The frame of a node, with a reference; 0 when the node is stale (ksm_get_folio).</summary>
    private uint TryGetFrame(uint node)
    {
        while (true)
        {
            uint frame = Atomic<TModel>.Load(ref nodes[node].Frame);
            if (TryGetFrame(node, frame))
                return frame;
            if (Atomic<TModel>.Load(ref nodes[node].Frame) == frame)
                return 0;
        }
    }

    private bool TryGetFrame(uint node, uint frame)
    {
        while (IsFrameOf(frame, node))
        {
            if (mm.Frames.TryGet(frame))
            {
                if (IsFrameOf(frame, node))
                    return true;
                mm.Folios.Put(frame);
            }
            else if (!mm.Frames.Has(frame, FrameFlags.SwapCache))
            {
                return false; // its last reference is gone, or it has just left the swap cache for another frame
            }
            else
            {
                // Reclaim or a migration froze it, under its lock: it comes back or leaves the swap cache.
                TModel.WaitUntil(ref mm.Frames[frame].Lock, ulong.MaxValue, 0);
            }
        }

        return false;
    }

    private bool IsFrameOf(uint frame, uint node) =>
        mm.Frames.Has(frame, FrameFlags.Ksm) && Atomic<TModel>.Load(ref mm.Frames[frame].Mapping) == node;

    /// <summary>
    /// Removes a node that has no frame any more (or gives it up), with all its items. They keep its number, as the kernel's rmap items keep
    /// the pointer. The pool hands the number out again first, as the kernel's allocator does the address. If then an item's page has become
    /// the frame of the new node by fork, the item looks as if it had joined that: the page is not counted as merged, and reclaim does not
    /// find it through the item. It stays mapped until it is written or unmapped; nothing worse comes of it.
    /// </summary>
    private void Forget(uint node)
    {
        uint next;
        for (uint number = nodes[node].FirstItem; number != 0; number = next)
        {
            ref KsmItem item = ref items[number];
            next = item.NextInNode;
            Unjoin(ref item);
        }

        ref KsmState state = ref mm.Ksm.State;
        (uint older, uint younger) = (nodes[node].Previous, nodes[node].Next);
        if (older == 0)
            state.FirstNode = younger;
        else
            nodes[older].Next = younger;
        if (younger == 0)
            state.LastNode = older;
        else
            nodes[younger].Previous = older;
        stable.Remove(ref state.StableRoot, node);
        nodes.Free(node);
    }

    private void Unlink(ref KsmItem item)
    {
        nodes[item.Node].ItemCount--;
        if (item.PreviousInNode == 0)
            nodes[item.Node].FirstItem = item.NextInNode;
        else
            items[item.PreviousInNode].NextInNode = item.NextInNode;
        if (item.NextInNode != 0)
            items[item.NextInNode].PreviousInNode = item.PreviousInNode;
    }

    private void Unjoin(ref KsmItem item)
    {
        item.State = KsmItemState.None;
        item.NextInNode = item.PreviousInNode = 0;
        PutAnonVma(ref item);
        Atomic<TModel>.Add(ref slots[item.Slot].Merged, -1);
    }

    private uint Following(uint slot, uint previous) => previous == 0 ? slots[slot].FirstItem : items[previous].NextInSlot;

    private void SetFollowing(uint slot, uint previous, uint item)
    {
        if (previous == 0)
            slots[slot].FirstItem = item;
        else
            items[previous].NextInSlot = item;
    }

    private void DropFollowing(uint slot, uint previous)
    {
        uint item = Following(slot, previous);
        Leave(item);
        SetFollowing(slot, previous, items[item].NextInSlot);
        items.Free(item);
    }
}
