using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// A store to, or a read-only pin of, a page that is mapped read-only (mm/memory.c do_wp_page and wp_page_copy): reuse the frame if it is
/// this entry's alone, else give the entry a copy.
/// </summary>
/// <remarks>
/// An exclusive frame is reused without any further question. For any other the proof of sole use is the reference count: after the
/// swap cache let go, the one reference left is this entry's. Whoever else holds a reference (a pin, a device, a scanner) forces a copy; that
/// is harmless for an entry that may be shared anyway.
/// </remarks>
public sealed class WriteProtectFault<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the handler of a machine.</summary>
    public WriteProtectFault(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>
    /// First part, with the table locked: true when the frame was reused. Else the caller unlocks the table and calls
    /// <see cref="FinishCopy"/>; the source has a reference until then.
    /// </summary>
    public bool TryReuse(in Fault fault, Leaf<TArch, TModel> leaf, out PendingCopy copy)
    {
        Pte entry = leaf.Value;
        bool unshare = fault.HasAny(FaultFlags.Unshare);
        if (!unshare && TArch.IsUffdWp(entry) && mm.IsWriteProtectWatched(fault.Vma))
        {
            if (!UserfaultRules<TArch, TModel>.IsAsynchronous(mm, fault.Vma))
            {
                copy = new PendingCopy(entry, 0, AsksUserfaultfd: true);
                return false;
            }

            entry = TArch.ClearUffdWp(entry); // asynchronous write-protection: the write resolves it by itself
            leaf.SetPresent(entry);
        }

        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        if (frame != 0 && mm.Frames.Has(frame, FrameFlags.SharedMemory) && (mm.Vmas.FlagsOf(fault.Vma) & VmaFlags.Shared) != 0)
        {
            mm.Frames.Set(frame, FrameFlags.Dirty); // nobody ever gets a copy of it (wp_page_shared)
            leaf.SetPresent(MakeWritable(TArch.MakeDirty(TArch.MakeYoung(entry)), fault.Vma));
            copy = default;
            return true;
        }

        if (frame != 0 && mm.Frames.Has(frame, FrameFlags.Anon)
            && ((TModel.ReusesExclusive && mm.Frames.Has(frame, FrameFlags.AnonExclusive)) || CanReuse(frame, fault.Vma)))
        {
            mm.Frames.Set(frame, FrameFlags.AnonExclusive);
            if (!unshare)
                leaf.SetPresent(MakeWritable(TArch.MakeDirty(TArch.MakeYoung(entry)), fault.Vma));
            copy = default;
            return true;
        }

        if (frame != 0)
            mm.Frames.Get(frame);
        copy = new PendingCopy(entry, frame);
        return false;
    }

    /// <summary>Second part, without the table lock: makes the copy and installs it if the entry is still the one that needed it.</summary>
    public FaultResult FinishCopy(in Fault fault, in PendingCopy copy)
    {
        if (copy.AsksUserfaultfd)
            return UserfaultRules<TArch, TModel>.Ask(mm, fault.Vma, FaultResult.UserfaultWriteProtect);
        bool installed = false;
        FaultResult result = mm.Vmas.TryPrepareAnonVma(fault.Vma) ? CopyAndInstall(fault, copy, out installed) : FaultResult.OutOfMemory;
        if (installed && copy.Source != 0)
            mm.FreeSwapCache(copy.Source);
        if (copy.Source != 0)
            mm.Folios.Put(copy.Source);
        return result;
    }

    private static Pte MakeWritable(Pte entry, VmaFlags vmaFlags) =>
        (vmaFlags & VmaFlags.Write) != 0 ? TArch.MakeWritable(entry) : entry;

    private Pte MakeWritable(Pte entry, uint vma) => MakeWritable(entry, mm.Vmas.FlagsOf(vma));

    /// <summary>The proof of sole use for a frame that is not exclusive (wp_can_reuse_anon_folio), in the kernel's order of tests.</summary>
    private bool CanReuse(uint frame, uint vma)
    {
        if (mm.Frames.IsLarge(frame))
            return CanReuseLarge(mm.Frames.HeadOf(frame));
        if (TModel.ReuseRule == ReuseRule.MappingsAndSwapCount)
            return CanReuseByMappings(frame, vma);
        if (mm.Frames.Has(frame, FrameFlags.Ksm) || mm.Frames.References(frame) > 3)
            return false;
        mm.Folios.Allocator.DrainIfBatched(frame);
        uint cache = mm.Frames.Has(frame, FrameFlags.SwapCache) ? 1u : 0;
        if (mm.Frames.References(frame) > 1 + cache || !mm.Frames.TryLock(frame))
            return false;
        if (mm.Frames.Has(frame, FrameFlags.SwapCache))
            mm.Swap.TryFreeSlot(frame); // refuses while another entry names the slot; the count below then tells
        bool alone = !mm.Frames.Has(frame, FrameFlags.Ksm) && mm.Frames.References(frame) == 1;
        if (alone)
            mm.Rmap.MoveTo(frame, vma);
        mm.Frames.Unlock(frame);
        return alone;
    }

    /// <summary>
    /// The rule up to 5.8 (reuse_swap_page): one mapping and no swap entry. Whoever holds the page otherwise, to read it later perhaps, is not
    /// asked: replaced by 09854ba94c6a.
    /// </summary>
    private bool CanReuseByMappings(uint frame, uint vma)
    {
        if (mm.Frames.Has(frame, FrameFlags.Ksm) || !mm.Frames.TryLock(frame))
            return false;

        // Both counts under the lock: a swap-in that makes a mapping of a swap reference holds it too (reuse_swap_page demands a locked page).
        bool alone = mm.Frames.Mappings(frame) == 1 && (!mm.Frames.Has(frame, FrameFlags.SwapCache) || mm.Swap.TryFreeSlot(frame));
        if (alone)
            mm.Rmap.MoveTo(frame, vma);
        mm.Frames.Unlock(frame);
        return alone;
    }

    /// <summary>
    /// A page of a large folio is this address space's own if all mappings of the folio are, and nobody else has a reference. If it is the only
    /// page left of it, a copy is better: the folio can go then.
    /// </summary>
    private bool CanReuseLarge(uint head)
    {
        if (mm.Frames.FolioMappings(head) <= 1 || !mm.Frames.Large.IsMappedByOne(head))
            return false;
        if (mm.Frames.Has(head, FrameFlags.SwapCache))
        {
            if (!mm.Frames.TryLock(head))
                return false;
            mm.Swap.TryFreeSlot(head);
            mm.Frames.Unlock(head);
        }

        return mm.Frames.References(head) == mm.Frames.FolioMappings(head) && mm.Frames.Large.IsMappedByOne(head);
    }

    private FaultResult CopyAndInstall(in Fault fault, in PendingCopy copy, out bool installed)
    {
        installed = false;
        uint frame = mm.TryAllocate(mm.Vmas[fault.Vma].AddressSpace, zeroed: copy.Source == 0);
        if (frame == 0)
            return FaultResult.OutOfMemory;
        if (copy.Source != 0)
            mm.CopyPageFor(fault.Vma, copy.Source, frame);
        mm.Frames.Set(frame, FrameFlags.Uptodate | FrameFlags.SwapBacked);

        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        if (guard.Table == 0 || guard[fault.Address].Value != copy.Expected)
        {
            mm.Folios.Put(frame); // somebody else handled the fault, or reclaim took the page
            return FaultResult.None;
        }

        Install(fault, guard[fault.Address], copy, frame);
        installed = true;
        return FaultResult.None;
    }

    private void Install(in Fault fault, Leaf<TArch, TModel> leaf, in PendingCopy copy, uint frame)
    {
        leaf.ClearPresent(); // no processor may use the old page any more when the new one appears
        mm.Rmap.AddNew(frame, fault.Vma, fault.Address, exclusive: true);
        mm.Rmap.LockInMemory(frame, fault.Vma);
        mm.Folios.Lru.Add(frame);
        mm.Leaves.Publish(leaf, EntryOfCopy(fault, copy.Expected, frame));
        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        bool ofObject = copy.Source != 0 && mm.Frames.Has(copy.Source, FrameFlags.SharedMemory);
        if (copy.Source == 0 || ofObject)
            Atomic<TModel>.Add(ref space.AnonPages, 1);
        if (ofObject)
            Atomic<TModel>.Add(ref space.SharedPages, -1);
        if (copy.Source == 0)
            return;

        // Only now: once the old frame counts one mapping less, another address space may take it for its own.
        mm.Rmap.Remove(copy.Source, fault.Vma);
        mm.Folios.Put(copy.Source); // the entry's reference; the pending copy still holds its own
    }

    private Pte EntryOfCopy(in Fault fault, Pte old, uint frame)
    {
        VmaFlags vmaFlags = mm.Vmas.FlagsOf(fault.Vma);
        // Young by its protection; mkyoung would open a PROT_NONE entry to the hardware on sparc64 (the kernel calls pte_sw_mkyoung here).
        Pte entry = TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1);
        if (!fault.HasAny(FaultFlags.Unshare))
            return MakeWritable(TArch.MakeDirty(entry), vmaFlags);
        if (TArch.IsSoftDirty(old))
            entry = TArch.MakeSoftDirty(entry);
        return TArch.IsUffdWp(old) ? TArch.MakeUffdWp(entry) : entry;
    }
}
