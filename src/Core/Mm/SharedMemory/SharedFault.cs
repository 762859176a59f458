using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// A fault on a page of a shared object that is not mapped here (mm/memory.c do_read_fault, do_shared_fault, do_cow_fault): a load also maps
/// what the object has in memory around it, a store to a private mapping gets a copy at once.
/// </summary>
/// <remarks>The caller is <see cref="FaultHandler{TArch, TModel}"/>, under the mmap_lock for reading. Folio lock → page-table lock.</remarks>
internal sealed class SharedFault<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Bytes around a load in which present pages are mapped too (fault_around_bytes).</summary>
    private const ulong FaultAroundBytes = 64 << 10;

    private readonly MmContext<TArch, TModel> mm;
    private readonly SharedSwapIn<TArch, TModel> pages;

    internal SharedFault(MmContext<TArch, TModel> mm, SharedSwapIn<TArch, TModel> pages)
    {
        this.mm = mm;
        this.pages = pages;
    }

    /// <summary>Handles a fault on an entry that holds nothing, or a write-protect marker of a registered VMA.</summary>
    internal FaultResult Handle(in Fault fault, Pte expected, bool marked)
    {
        bool write = fault.HasAny(FaultFlags.Write);
        VmaFlags flags = mm.Vmas.FlagsOf(fault.Vma);
        if (write && (flags & VmaFlags.Shared) == 0)
            return HandleCopy(fault, expected, marked);
        if (!write && (flags & (VmaFlags.UffdWriteProtect | VmaFlags.UffdMinor)) == 0 && TryMapAround(fault))
            return FaultResult.None;
        uint number = mm.Vmas[fault.Vma].SharedObject;
        FaultResult asked = AskUserfaultfd(fault, flags, number);
        if (asked != FaultResult.None)
            return asked;
        FaultResult result = GetLocked(fault, number, out uint frame);
        if (frame == 0)
            return result;
        bool mapped = false;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(fault.Root, fault.Address))
        {
            if (guard.Table == 0)
            {
                result = FaultResult.OutOfMemory;
            }
            else if (guard[fault.Address].Value == expected)
            {
                mm.SharedMappings.Map(fault.Vma, guard[fault.Address], frame, write, marked);
                mapped = true;
            }
        }

        mm.Frames.Unlock(frame);
        if (!mapped)
            mm.Folios.Put(frame); // somebody else handled the fault, or there is no frame for a table
        return result;
    }

    private FaultResult GetLocked(in Fault fault, uint number, out uint frame)
    {
        uint group = mm.GroupOf(mm.Vmas[fault.Vma].AddressSpace);
        return pages.TryGetLocked(number, mm.Vmas.LinearIndex(fault.Vma, fault.Address), group, out frame);
    }

    /// <summary>
    /// A store to a private mapping: an anonymous copy of the object's page. The page stays locked until the copy is mapped, so that a truncation,
    /// which takes the copies away after it had all pages locked, does not miss it.
    /// </summary>
    private FaultResult HandleCopy(in Fault fault, Pte expected, bool marked)
    {
        uint copy = mm.Vmas.TryPrepareAnonVma(fault.Vma) ? mm.TryAllocate(mm.Vmas[fault.Vma].AddressSpace) : 0;
        if (copy == 0)
            return FaultResult.OutOfMemory;
        uint number = mm.Vmas[fault.Vma].SharedObject;
        FaultResult result = GetLocked(fault, number, out uint frame);
        bool mapped = false;
        if (frame != 0)
        {
            mm.CopyPageFor(fault.Vma, frame, copy);
            mm.Frames.Set(copy, FrameFlags.Uptodate | FrameFlags.SwapBacked);
            using (TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(fault.Root, fault.Address))
            {
                mapped = guard.Table != 0 && guard[fault.Address].Value == expected;
                if (mapped)
                    MapCopy(fault, guard[fault.Address], copy, marked);
                else if (guard.Table == 0)
                    result = FaultResult.OutOfMemory;
            }

            mm.Frames.Unlock(frame);
            mm.Folios.Put(frame);
        }

        if (!mapped)
            mm.Folios.Put(copy);
        return result;
    }

    private void MapCopy(in Fault fault, Leaf<TArch, TModel> leaf, uint copy, bool marked)
    {
        VmaFlags flags = mm.Vmas.FlagsOf(fault.Vma);
        Pte entry = TArch.MakeDirty(TArch.MakeLeaf(copy, MmContext<TArch, TModel>.ProtectionOf(flags), 1));
        if ((flags & VmaFlags.Write) != 0)
            entry = TArch.MakeWritable(entry);
        mm.Rmap.AddNew(copy, fault.Vma, fault.Address, exclusive: true);
        mm.Rmap.LockInMemory(copy, fault.Vma);
        mm.Folios.Lru.Add(copy);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace].AnonPages, 1);
        if (marked)
            mm.Leaves.Mark(leaf, TArch.MakeUffdWp(entry));
        else
            mm.Leaves.Publish(leaf, entry);
    }

    /// <summary>
    /// shmem_get_folio_gfp: a page that the object has is a minor userfault wherever it lies, in memory or in swap; one that it has not is a
    /// missing one.
    /// </summary>
    private FaultResult AskUserfaultfd(in Fault fault, VmaFlags flags, uint number)
    {
        if ((flags & (VmaFlags.UffdMissing | VmaFlags.UffdMinor)) == 0)
            return FaultResult.None;
        ulong page = mm.Vmas.LinearIndex(fault.Vma, fault.Address);
        if (page >= mm.Vmas.Objects.PagesOf(number))
            return FaultResult.None; // an access behind the end, which nobody resolves
        SharedPage place = mm.Vmas.Objects.Index.Load(number, page);
        FaultResult kind = place.IsNone ? FaultResult.UserfaultMissing : FaultResult.UserfaultMinor;
        VmaFlags wanted = place.IsNone ? VmaFlags.UffdMissing : VmaFlags.UffdMinor;
        return (flags & wanted) == 0 || place.IsLost ? FaultResult.None : UserfaultRules<TArch, TModel>.Ask(mm, fault.Vma, kind);
    }

    /// <summary>
    /// Maps the pages of the aligned window that are in memory and not busy (do_fault_around); true when the faulting page was one of them.
    /// </summary>
    private bool TryMapAround(in Fault fault)
    {
        ref Vma vma = ref mm.Vmas[fault.Vma];
        ulong start = Math.Max(fault.Address & ~(FaultAroundBytes - 1), vma.Start);
        ulong end = Math.Min(Math.Min(start + FaultAroundBytes, vma.End), Zapper<TArch, TModel>.TableEnd(start));
        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(fault.Root, fault.Address);
        if (guard.Table == 0)
            return false;
        for (ulong address = start; address < end; address += 1UL << TArch.PageShift)
        {
            if (TArch.IsNone(guard[address].Value, 1))
                MapIfInMemory(fault.Vma, guard[address]);
        }

        return !TArch.IsNone(guard[fault.Address].Value, 1);
    }

    private void MapIfInMemory(uint vma, Leaf<TArch, TModel> leaf)
    {
        uint number = mm.Vmas[vma].SharedObject;
        ulong page = mm.Vmas.LinearIndex(vma, leaf.Address);
        SharedPage place = mm.Vmas.Objects.Index.Load(number, page);
        if (!place.IsFrame || page >= mm.Vmas.Objects.PagesOf(number) || !mm.SharedCache.TryLockAtOnce(number, page, place.Frame))
            return;
        mm.SharedMappings.Map(vma, leaf, place.Frame, write: false, writeProtected: false);
        mm.Frames.Unlock(place.Frame);
    }
}
