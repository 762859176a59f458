using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>Makes a mapped page a KSM frame, or replaces it by one (mm/ksm.c try_to_merge_one_page, write_protect_page, replace_page).</summary>
/// <remarks>
/// The caller holds the mmap_lock for reading and a reference to the page. A page that cannot be written any more, through an entry or
/// through a reference, cannot change its content: only then are contents compared for good.
/// </remarks>
internal sealed class KsmMerger<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FolioSplitter<TArch, TModel> splitter;

    internal KsmMerger(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        splitter = new FolioSplitter<TArch, TModel>(mm);
    }

    /// <summary>Merges the page at an address.</summary>
    /// <param name="vma">The VMA that covers the address.</param>
    /// <param name="address">The address.</param>
    /// <param name="frame">The frame that was found there.</param>
    /// <param name="merged">The KSM frame, or the zero frame, to replace it, or 0: the frame itself becomes one, without a node yet.</param>
    /// <returns>False when the page is busy, pinned, written, or not there any more. It may have lost write access or exclusiveness.</returns>
    internal bool TryMerge(uint vma, ulong address, uint frame, uint merged)
    {
        if (frame == merged)
            return true; // a fork shares it: nothing is left to do
        if (!mm.Frames.TryLock(frame))
            return false;
        Pte expected = default;
        bool single = !mm.Frames.IsLarge(frame) || splitter.TrySplit(frame); // pages merge one by one
        bool done = single && TryWriteProtect(vma, address, frame, out expected);
        if (done && merged == 0)
            MakeKsm(frame);
        else if (done)
            done = IsEqual(frame, merged) && TryReplace(vma, address, frame, merged, expected);
        mm.Frames.Unlock(frame);
        return done;
    }

    /// <summary>Splits the large folio of a page to which the caller holds the only reference that is no mapping's.</summary>
    internal void TrySplit(uint page)
    {
        if (!mm.Frames.TryLock(page))
            return;
        if (mm.Frames.IsLarge(page))
            splitter.TrySplit(page);
        mm.Frames.Unlock(page);
    }

    /// <summary>
    /// Ends all writing to a page: clear the entry (a full fence), then look whether anybody but its mappings and the swap cache has a
    /// reference (a pin, a device, a pipe might write it), then give up exclusiveness, then put the entry back read-only and clean. An entry
    /// that is all that already can be taken as it is: who wanted to write through a reference had to unshare the page first. A KSM page
    /// belongs to no anon_vma in which to look for its place: one that was left without a node, by a merge that was given up while fork still
    /// showed it elsewhere, can never be merged again.
    /// </summary>
    private bool TryWriteProtect(uint vma, ulong address, uint frame, out Pte expected)
    {
        expected = default;
        if (mm.Frames.Has(frame, FrameFlags.Ksm))
            return false;
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(RootOf(vma), address);
        if (guard.Table == 0)
            return false;
        Leaf<TArch, TModel> leaf = guard[address];
        Pte entry = leaf.Value;
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || MmContext<TArch, TModel>.NormalFrame(entry) != frame)
            return false;
        if (TArch.IsWritable(entry) || TArch.IsDirty(entry) || mm.Frames.Has(frame, FrameFlags.AnonExclusive))
        {
            if (!TModel.KsmClearsBeforeCounting && IsHeld(frame))
                return false;
            entry = leaf.ClearPresent();
            if ((TModel.KsmClearsBeforeCounting && IsHeld(frame)) || !mm.Rmap.TryShare(frame))
            {
                mm.Leaves.Publish(leaf, entry);
                return false;
            }

            if (TArch.IsDirty(entry))
                mm.Frames.Set(frame, FrameFlags.Dirty);
            entry = TArch.WriteProtect(TArch.MakeClean(entry));
            mm.Leaves.Publish(leaf, entry);
        }

        expected = entry;
        return true;
    }

    /// <summary>
    /// Whether anybody has a reference but the mappings, the swap cache and the caller: also the batch of mlock, when another locked VMA has just
    /// exchanged the page for an equal one.
    /// </summary>
    private bool IsHeld(uint frame)
    {
        uint cached = mm.Frames.Has(frame, FrameFlags.SwapCache) ? 1u : 0;
        return mm.Frames.Mappings(frame) + 1 + cached != mm.Frames.References(frame) || mm.Folios.Allocator.IsBeingUnlocked(frame);
    }

    /// <summary>Dirty, because reclaim would just drop a clean page that has no slot.</summary>
    private void MakeKsm(uint frame)
    {
        mm.Frames[frame].Mapping = 0; // no node yet, and the number of an anon_vma must not be taken for one
        mm.Frames.Set(frame, FrameFlags.Ksm | FrameFlags.Dirty);
        mm.Folios.Lru.MarkAccessed(frame);
    }

    private bool TryReplace(uint vma, ulong address, uint frame, uint merged, Pte expected)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(RootOf(vma), address);
        if (guard.Table == 0 || guard[address].Value != expected)
            return false;
        Pte entry = TArch.MakeLeaf(merged, MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma)), 1);
        if (merged == mm.Folios.ZeroFrame)
        {
            entry = TArch.MakeDirty(TArch.MakeSpecial(entry)); // told by it from a zero page that was only read
            Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[vma].AddressSpace].AnonPages, -1);
        }
        else
        {
            mm.Frames.Get(merged);
            mm.Rmap.Add(merged, vma, exclusive: false);
        }

        guard[address].ClearPresent();
        mm.Leaves.Publish(guard[address], entry);
        mm.Rmap.Remove(frame, vma);
        if (mm.Frames.Mappings(frame) == 0 && mm.Frames.Has(frame, FrameFlags.SwapCache))
            mm.Swap.TryFreeSlot(frame);
        mm.Folios.Put(frame); // the entry's reference; the caller still has its own
        return true;
    }

    private bool IsEqual(uint frame, uint other) =>
        SharedBytes<TModel>.Compare(mm.Frames.Bytes(frame), mm.Frames.Bytes(other)) == 0 && mm.Tags.Identical(frame, other);

    private uint RootOf(uint vma) => mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
}
