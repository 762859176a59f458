using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <summary>
/// Copies the entries of a VMA to a forked child (mm/memory.c copy_page_range): pages become shared and read-only on both sides, swap
/// entries get one more reference and lose their exclusive mark on both sides.
/// </summary>
/// <remarks>
/// The caller holds both mmap_locks for writing and has made the parent's write-protect sequence odd. The child's table is locked before
/// the parent's.
/// </remarks>
public sealed partial class ForkCopier<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly HugeCopier<TArch, TModel> huge;

    /// <summary>Makes the operation of a machine.</summary>
    public ForkCopier(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        huge = new HugeCopier<TArch, TModel>(mm);
    }

    private enum Outcome
    {
        Copied,
        NeedsFrame,
        Failed,
    }

    /// <summary>Copies all entries of the parent's VMA; false when frames or swap counts run out (the child must then be torn down).</summary>
    public bool TryCopy(uint parentVma, uint childVma)
    {
        ulong page = 1UL << TArch.PageShift;
        ulong end = mm.Vmas[parentVma].End;
        uint prepared = 0;
        bool done = true;
        for (ulong address = mm.Vmas[parentVma].Start; address < end && done;)
        {
            if (huge.TryCopy(parentVma, childVma, address, out bool failed))
            {
                address = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
                continue;
            }

            if (failed)
                return false;
            if (mm.Tables.LeafTable(Root(parentVma), address) == 0)
            {
                address = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
                continue;
            }

            Outcome outcome = CopyTable(parentVma, childVma, ref address, end, page, ref prepared);
            if (outcome == Outcome.NeedsFrame) // a pinned page needs a copy, and no frame can be allocated under the table locks
                prepared = mm.TryAllocate(mm.Vmas[childVma].AddressSpace);
            done = outcome == Outcome.Copied || (outcome == Outcome.NeedsFrame && prepared != 0);
        }

        if (prepared != 0)
            mm.Folios.Put(prepared);
        return done;
    }

    private uint Root(uint vma) => mm.Spaces[mm.Vmas[vma].AddressSpace].Root;

    private Outcome CopyTable(uint parentVma, uint childVma, ref ulong address, ulong end, ulong page, ref uint prepared)
    {
        using TableGuard<TArch, TModel> child = mm.Leaves.LockOrCreate(Root(childVma), address);
        if (child.Table == 0)
            return Outcome.Failed;
        using TableGuard<TArch, TModel> parent = mm.Leaves.Lock(Root(parentVma), address);
        for (ulong stop = Math.Min(end, child.End); address < stop; address += page)
        {
            if (TModel.TakesShortcuts)
                CopyPlain(parentVma, childVma, in parent, in child, ref address, stop);
            if (address >= stop)
                break;
            Outcome outcome = CopyEntry(parentVma, childVma, parent[address], child[address], ref prepared);
            if (outcome != Outcome.Copied)
                return outcome;
        }

        return Outcome.Copied;
    }

    private Outcome CopyEntry(
        uint parentVma, uint childVma, Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, ref uint prepared)
    {
        Pte entry = source.Value;
        if (TArch.IsNone(entry, 1))
            return Outcome.Copied;
        if (!TArch.IsPresent(entry, 1))
            return CopySoftLeaf(parentVma, childVma, source, destination, mm.Decode(entry));
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        if (frame == 0)
        {
            mm.Leaves.Publish(destination, Share(entry)); // the zero page is not counted
            return Outcome.Copied;
        }

        if (mm.Frames.Has(frame, FrameFlags.SharedMemory))
        {
            CopyShared(childVma, frame, entry, destination);
            return Outcome.Copied;
        }

        ref AddressSpace parent = ref mm.Spaces[mm.Vmas[parentVma].AddressSpace];
        if (!mm.Rmap.TryDuplicate(frame, Atomic<TModel>.Load(ref parent.HasPinned) != 0, childVma))
            return CopyPinned(childVma, frame, entry, destination, ref prepared);
        if (TArch.IsWritable(entry))
        {
            entry = TArch.WriteProtect(entry);
            source.SetPresent(entry); // before the locks go: nobody may write the shared page any more
        }

        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[childVma].AddressSpace].AnonPages, 1);
        mm.Leaves.Publish(destination, Share(entry));
        return Outcome.Copied;
    }

    /// <summary>A page of a shared object stays writable on both sides; what the parent's entry knows of stores stays the parent's.</summary>
    private void CopyShared(uint childVma, uint frame, Pte entry, Leaf<TArch, TModel> destination)
    {
        mm.Frames.Get(frame);
        mm.Frames.AddMapping(frame);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[childVma].AddressSpace].SharedPages, 1);
        mm.Leaves.Publish(destination, TArch.MakeClean(Share(entry)));
    }

    private static Pte Share(Pte entry) => TArch.MakeOld(TArch.ClearUffdWp(entry));

    /// <summary>An exclusive page that may be pinned stays the parent's alone: the child gets a copy now (copy_present_page).</summary>
    private Outcome CopyPinned(uint childVma, uint frame, Pte entry, Leaf<TArch, TModel> destination, ref uint prepared)
    {
        if (prepared == 0)
            return Outcome.NeedsFrame;
        uint copy = prepared;
        prepared = 0;
        mm.CopyPageFor(childVma, frame, copy);
        mm.Frames.Set(copy, FrameFlags.Uptodate | FrameFlags.SwapBacked);
        VmaFlags vmaFlags = mm.Vmas.FlagsOf(childVma);
        Pte fresh = TArch.MakeDirty(TArch.MakeLeaf(copy, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1));
        if ((vmaFlags & VmaFlags.Write) != 0)
            fresh = TArch.MakeWritable(fresh);
        if (TArch.IsUffdWp(entry) && mm.IsWriteProtectWatched(childVma))
            fresh = TArch.MakeUffdWp(fresh);
        mm.Rmap.AddNew(copy, childVma, destination.Address, exclusive: true);
        mm.Folios.Lru.Add(copy);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[childVma].AddressSpace].AnonPages, 1);
        mm.Leaves.Publish(destination, fresh);
        return Outcome.Copied;
    }

    private Outcome CopySoftLeaf(
        uint parentVma, uint childVma, Leaf<TArch, TModel> source, Leaf<TArch, TModel> destination, in SoftLeaf soft)
    {
        uint child = mm.Vmas[childVma].AddressSpace;
        switch (soft.Kind)
        {
            case SoftLeafKind.Swap:
                if (mm.Leaves.TryDuplicate(source, destination, new SwapEntry(soft.Type, soft.Offset)) != SwapResult.Ok)
                    return Outcome.Failed;
                mm.Spaces.AddToMmListBehind(child, mm.Vmas[parentVma].AddressSpace); // before swapoff could miss the new entry
                Atomic<TModel>.Add(ref mm.Spaces[child].SwapEntries, 1);
                return Outcome.Copied;
            case SoftLeafKind.MigrationRead or SoftLeafKind.MigrationReadExclusive or SoftLeafKind.MigrationWrite:
                bool isShared = mm.Vmas[parentVma].SharedObject != 0;
                mm.Leaves.DuplicateMigration(source, destination, soft, isPrivate: !isShared, mm.SwapTypes);
                mm.Spaces.CountResident(child, isShared, 1);
                return Outcome.Copied;
            case SoftLeafKind.Marker when (soft.Markers & (PteMarkers.Guard | PteMarkers.Poisoned)) == 0:
                return Outcome.Copied; // a write-protect marker means nothing to a child that is not registered
            default:
                mm.Leaves.Mark(destination, source.Value);
                return Outcome.Copied;
        }
    }
}
