using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>
/// Decides what becomes of one page of a scan: which merged page, or which page that waits, it is like (mm/ksm.c cmp_and_merge_page).
/// </summary>
/// <remarks>
/// Under <see cref="KsmState.Lock"/>. Trees are searched by content, and the contents may change meanwhile; what decides is the comparison of
/// <see cref="KsmMerger{TArch, TModel}"/> after both pages were write-protected.
/// </remarks>
internal sealed class KsmMatcher<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly ProcessLife<TArch, TModel> life;
    private readonly KsmPages<TArch, TModel> pages;
    private readonly KsmRecords<TArch, TModel> records;
    private readonly KsmPlaces<TArch, TModel> places;
    private readonly KsmMerger<TArch, TModel> merger;

    internal KsmMatcher(
        MmContext<TArch, TModel> mm, ProcessLife<TArch, TModel> life, KsmPages<TArch, TModel> pages, KsmRecords<TArch, TModel> records,
        KsmPlaces<TArch, TModel> places)
    {
        this.mm = mm;
        this.life = life;
        this.pages = pages;
        this.records = records;
        this.places = places;
        merger = new KsmMerger<TArch, TModel>(mm);
    }

    /// <summary>cmp_and_merge_page: what becomes of one page of a scan. The caller has a reference to the frame.</summary>
    internal void CompareAndMerge(uint number, uint frame)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        uint node = mm.Frames.Has(frame, FrameFlags.Ksm) ? (uint)Atomic<TModel>.Load(ref mm.Frames[frame].Mapping) : 0;
        uint merged = frame;
        if (node != 0)
        {
            if (item.Node == node)
                return; // joined already (or so it seems, when the number is that of an older node: as in the kernel)
            mm.Frames.Get(frame);
        }
        else
        {
            records.Leave(number);
            ulong checksum = SharedBytes<TModel>.Checksum(mm.Frames.Bytes(frame));
            if (item.Checksum != checksum)
            {
                item.Checksum = checksum; // it changes often, perhaps: let it come to rest
                return;
            }

            if (IsZero(checksum) && TryMergeWithZeroPage(ref item, frame))
                return;
            node = records.FindMerged(frame, checksum, out merged);
        }

        records.Leave(number);
        if (node == 0)
        {
            MergeWithWaiting(number, frame);
            return;
        }

        if (TryMergeItem(number, frame, merged))
        {
            mm.Frames.Lock(merged);
            records.Join(number, node);
            mm.Frames.Unlock(merged);
        }

        mm.Folios.Put(merged);
    }

    private bool IsZero(ulong checksum) => Atomic<TModel>.Load(ref mm.Ksm.State.UseZeroPages) != 0
        && checksum == SharedBytes<TModel>.Checksum(mm.Frames.Bytes(mm.Folios.ZeroFrame));

    /// <summary>try_to_merge_with_zero_page: whether the page is done with, because its VMA is gone or the zero page took its place.</summary>
    private bool TryMergeWithZeroPage(ref KsmItem item, uint frame)
    {
        uint space = places.TryUse(item.Slot);
        if (space == 0)
            return true;
        bool done;
        using (mm.Spaces.HoldRead(space))
        {
            uint vma = places.FindMergeable(space, item.Address);
            done = vma == 0 || merger.TryMerge(vma, item.Address, frame, mm.Folios.ZeroFrame);
        }

        life.Put(space);
        return done;
    }

    /// <summary>
    /// Merges the page with one of this scan that has the same content, or lets it wait for one. A page on the way there that is gone ends the
    /// search: the next scan tries again.
    /// </summary>
    private void MergeWithWaiting(uint number, uint frame)
    {
        uint other = FindWaiting(number, frame, out uint otherFrame);
        if (other == 0)
            return;
        bool together = mm.Frames.IsLarge(frame) && mm.Frames.HeadOf(frame) == mm.Frames.HeadOf(otherFrame);
        if (!together)
            MergeTwo(number, frame, other, otherFrame);
        mm.Folios.Put(otherFrame);

        // Two references of ours to one folio let no attempt to split it succeed: it is split now and merged by a later scan.
        if (together)
            merger.TrySplit(frame);
    }

    /// <summary>
    /// unstable_tree_search_insert: a waiting item whose page has the content of a frame, with a reference to that page; 0 when there is none, and
    /// then the item waits itself, unless the search ended at a page that is gone or is this very frame, which a fork shares.
    /// </summary>
    private uint FindWaiting(uint number, uint frame, out uint otherFrame)
    {
        uint parent = 0;
        bool lesser = false;
        otherFrame = 0;
        for (uint other = records.FirstWaiting; other != 0; other = records.WaitingBelow(other, lesser))
        {
            otherFrame = TryGetItemPage(other);
            if (otherFrame == 0)
                return 0;
            int order = otherFrame == frame ? 0 : SharedBytes<TModel>.Compare(mm.Frames.Bytes(frame), mm.Frames.Bytes(otherFrame));
            if (order == 0 && otherFrame != frame)
            {
                if (mm.Tags.Identical(frame, otherFrame))
                    return other;
                order = 1; // equal bytes and other metadata: as if it were greater (memcmp_pages on arm64)
            }

            mm.Folios.Put(otherFrame);
            if (order == 0)
                return 0;
            parent = other;
            lesser = order < 0;
        }

        records.Wait(number, parent, lesser);
        return 0;
    }

    /// <summary>This page becomes a KSM frame, the other is replaced by it. If that fails half-way the page is unshared again.</summary>
    private void MergeTwo(uint number, uint frame, uint other, uint otherFrame)
    {
        if (!TryMergeItem(number, frame, 0))
            return;
        if (!TryMergeItem(other, otherFrame, frame))
        {
            Break(number);
            return;
        }

        mm.Frames.Lock(frame);
        uint node = records.TryCreateNode(frame);
        if (node != 0)
        {
            records.Join(other, node);
            records.Join(number, node);
        }

        mm.Frames.Unlock(frame);
        if (node != 0)
            return;
        Break(other);
        Break(number);
    }

    /// <summary>
    /// try_to_merge_with_ksm_page: merges the page of an item, which then has left its tree and has a reference to the VMA's anon_vma.
    /// </summary>
    private bool TryMergeItem(uint number, uint frame, uint merged)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        uint space = places.TryUse(item.Slot);
        if (space == 0)
            return false;
        bool done;
        using (mm.Spaces.HoldRead(space))
        {
            uint vma = places.FindMergeable(space, item.Address);
            done = vma != 0 && merger.TryMerge(vma, item.Address, frame, merged);
            if (done)
            {
                records.Leave(number);
                item.AnonVma = mm.Vmas.AnonVmaOf(vma);
                mm.ReverseMap.TryGet(item.AnonVma); // it lives: the VMA cannot let go of it while we hold the mmap_lock
            }
        }

        life.Put(space);
        return done;
    }

    /// <summary>break_cow: the page of an item that is not joined gets a frame of its own.</summary>
    private void Break(uint number)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        records.PutAnonVma(ref item);
        uint space = places.TryUse(item.Slot);
        if (space == 0)
            return;
        var uncounted = new FaultCounters();
        using (mm.Spaces.HoldRead(space))
        {
            uint vma = places.FindMergeable(space, item.Address);
            if (vma != 0) // if frames run out, a later scan repairs it
                pages.Unmerge(vma, item.Address, item.Address + (1UL << TArch.PageShift), ref uncounted);
        }

        life.Put(space);
    }

    /// <summary>get_mergeable_page: the anonymous page that an item's address shows now, with a reference; 0 when there is none.</summary>
    private uint TryGetItemPage(uint number)
    {
        ref KsmItem item = ref mm.Ksm.Items[number];
        uint space = places.TryUse(item.Slot);
        if (space == 0)
            return 0;
        uint frame = 0;
        ulong address = item.Address;
        using (mm.Spaces.HoldRead(space))
        {
            if (places.FindMergeable(space, address) != 0)
                frame = places.TryGetPage(mm.Spaces[space].Root, ref address, address + (1UL << TArch.PageShift));
        }

        life.Put(space);
        return frame;
    }
}
