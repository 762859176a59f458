using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm;

/// <content>
/// From the locked folio to the entry: proof that the entry is unchanged, exclusiveness, the swap reference, the mapping. The order of giving the
/// slot back and mapping is <see cref="IModel.SwapInRelease"/>.
/// </content>
public sealed partial class SwapInFault<TArch, TModel>
{
    /// <summary>
    /// Steps 9 to 25 of do_swap_page: with the folio locked, take the table's lock, prove the entry unchanged, map. Consumes the reference and
    /// the lock of <paramref name="frame"/> (not those of a <paramref name="cache"/> folio that is another one).
    /// </summary>
    private FaultResult MapLocked(in Fault fault, Pte expected, SwapEntry entry, uint frame, uint cache, out bool mapped)
    {
        if (fault.HasAny(FaultFlags.Write) && frame == cache && !mm.Frames.Has(frame, FrameFlags.Ksm))
            mm.Folios.Allocator.DrainIfBatched(mm.Frames.HeadOf(frame));
        PendingCopy copy;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address))
        {
            mapped = CanMap(guard, fault, expected, frame, out FaultResult failure);
            if (!mapped)
                return failure;
            ulong run = frame == cache ? large.RunOfCached(guard, fault, expected, frame) : 0;
            bool stillWrite = run != 0
                ? MapRun(guard, run, fault, expected, entry, frame)
                : Map(fault, guard[fault.Address], expected, entry, frame, cache);
            mm.Frames.Unlock(frame);
            if (!stillWrite || writeProtect.TryReuse(fault, guard[fault.Address], out copy))
                return FaultResult.None;
        }

        return writeProtect.FinishCopy(fault, copy);
    }

    /// <summary>
    /// Maps a folio where it does not belong, read-only and under its lock, and has the write-protect fault copy it at once. Between the two the
    /// reverse map does not find the mapping: reclaim of the folio would stop at it.
    /// </summary>
    private FaultResult MapForeign(in Fault fault, Pte expected, SwapEntry entry, uint cached)
    {
        PendingCopy copy;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address))
        {
            if (!CanMap(guard, fault, expected, cached, out FaultResult failure))
                return failure;
            bool wantsWrite = false;
            CountMapped(fault);
            mm.Leaves.BeginResolve(entry, cached);
            Pte readOnly = BuildEntry(fault, expected, cached, exclusive: false, ref wantsWrite);
            mm.Rmap.Add(cached, fault.Vma, exclusive: false);
            mm.Leaves.Resolve(guard[fault.Address], readOnly);
            mm.Frames.Get(cached);
            copy = new PendingCopy(readOnly, cached);
            mm.Frames.Unlock(cached);
        }

        return writeProtect.FinishCopy(fault, copy);
    }

    /// <summary>Whether the entry is unchanged and the folio's content is there; if not, the folio is let go of.</summary>
    private bool CanMap(in TableGuard<TArch, TModel> guard, in Fault fault, Pte expected, uint frame, out FaultResult failure)
    {
        bool unchanged = guard.Table != 0 && guard[fault.Address].Value == expected;
        failure = unchanged ? FaultResult.BusError : FaultResult.None;
        if (unchanged && mm.Frames.Has(frame, FrameFlags.Uptodate))
            return true;
        PutLocked(frame);
        return false;
    }

    /// <summary>Returns whether the write still has to go through the write-protect fault.</summary>
    private bool Map(in Fault fault, Leaf<TArch, TModel> leaf, Pte old, SwapEntry entry, uint frame, uint cache)
    {
        bool write = fault.HasAny(FaultFlags.Write);
        bool isKsm = mm.Frames.Has(frame, FrameFlags.Ksm);
        bool exclusive = !isKsm && IsExclusive(old, entry, frame, cache);
        bool releaseFirst = TModel.SwapInRelease == SwapInRelease.BeforeMapping;
        if (releaseFirst)
        {
            mm.Leaves.BeginResolve(entry, frame);
            if (frame == cache && ShouldFreeSlot(fault, entry, frame, write, exclusive))
                mm.Swap.TryFreeSlot(frame);
        }

        CountMapped(fault);
        if (TModel.SwapInRelease != SwapInRelease.AfterMappingIfExclusive)
            exclusive = !isKsm && (exclusive || IsAlone(frame, cache, write));
        Pte entryNow = BuildEntry(fault, old, frame, exclusive, ref write);
        AddMapping(fault, frame, cache, exclusive);
        if (!releaseFirst)
            mm.Leaves.BeginResolve(entry, frame);
        mm.Leaves.Resolve(leaf, entryNow);
        if (!releaseFirst)
            ReleaseMapped(fault, entry, frame, cache, write, exclusive);
        return write;
    }

    /// <summary>
    /// Since 4b34f1d82c65 the slot goes when the page is mapped already. Until 7.2 an exclusive write does not count as one here, because mapping
    /// the page writable had settled it; 7.3 asks for exclusiveness instead.
    /// </summary>
    private void ReleaseMapped(in Fault fault, SwapEntry entry, uint frame, uint cache, bool stillWrite, bool exclusive)
    {
        bool write = TModel.SwapInRelease == SwapInRelease.AfterMapping ? stillWrite : fault.HasAny(FaultFlags.Write);
        if (frame == cache && ShouldFreeSlot(fault, entry, frame, write, exclusive))
            mm.Swap.TryFreeSlot(frame);
    }

    private void CountMapped(in Fault fault)
    {
        ref AddressSpace space = ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace];
        Atomic<TModel>.Add(ref space.AnonPages, 1);
        Atomic<TModel>.Add(ref space.SwapEntries, -1);
    }

    /// <summary>
    /// The entry remembers exclusiveness; but a folio that its area is writing and wants unchanged meanwhile must be mapped read-only, as if it
    /// were shared (1493a1913e34). Nobody holds a reference to write through: else the write would not have begun.
    /// </summary>
    private bool IsExclusive(Pte old, SwapEntry entry, uint frame, uint cache)
    {
        if (frame != cache)
            return true; // never seen by anybody else: a direct swap-in or a KSM copy
        bool unstable = TModel.StableWritesOverrideExclusive && mm.Frames.Has(frame, FrameFlags.Writeback) && mm.Swap.HasStableWrites(entry);
        return TArch.IsSwapExclusive(old) && !unstable;
    }

    /// <summary>should_try_to_free_swap: the slot is given up early if the page will be written, or stays in memory anyway.</summary>
    private bool ShouldFreeSlot(in Fault fault, SwapEntry entry, uint frame, bool write, bool exclusive)
    {
        if (mm.Swap.IsHalfFull || (mm.Vmas.FlagsOf(fault.Vma) & VmaFlags.Locked) != 0 || mm.Frames.Has(frame, FrameFlags.Mlocked))
            return true;
        if (TModel.SwapInRelease != SwapInRelease.BeforeMapping && mm.Swap.IsSynchronous(entry))
            return true; // the copy in memory costs less than a slot whose content would cost memory too
        if (!write || mm.Frames.Has(frame, FrameFlags.Ksm))
            return false;
        if (TModel.SwapInRelease == SwapInRelease.AfterMappingIfExclusive)
            return exclusive;
        return TModel.ReuseRule == ReuseRule.MappingsAndSwapCount
            ? mm.Frames.FolioMappings(frame) == 0
            : mm.Frames.References(frame) == 1 + mm.Frames.PagesOf(frame);
    }

    /// <summary>
    /// Whether our reference is the only one left. A folio read in during the current epoch is still held by its processor's LRU batch, which
    /// only a write fault drains. By the rule of old a writer asks for mappings and slot alone, and a reader nothing (reuse_swap_page).
    /// </summary>
    private bool IsAlone(uint frame, uint cache, bool write)
    {
        if (TModel.ReuseRule == ReuseRule.MappingsAndSwapCount)
            return write && mm.Frames.FolioMappings(frame) == 0 && !mm.Frames.Has(frame, FrameFlags.SwapCache);
        if (mm.Frames.References(frame) != 1)
            return false;
        return write || frame != cache || mm.Frames.Folio(frame).Birth != mm.Folios.Allocator.Epoch;
    }

    private Pte BuildEntry(in Fault fault, Pte old, uint frame, bool exclusive, ref bool write)
    {
        VmaFlags vmaFlags = mm.Vmas.FlagsOf(fault.Vma);
        Pte entry = TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1);
        if (TArch.IsSwapSoftDirty(old))
            entry = TArch.MakeSoftDirty(entry);
        bool writeProtected = TArch.IsSwapUffdWp(old);
        if (writeProtected)
            entry = TArch.MakeUffdWp(entry);
        bool uffdWants = writeProtected && mm.IsWriteProtectWatched(fault.Vma);
        bool mayWrite = exclusive && (vmaFlags & VmaFlags.Write) != 0 && !uffdWants && !MmContext<TArch, TModel>.NeedsSoftDirtyFault(vmaFlags, entry);
        if (!mayWrite || !(write || TModel.SwapInMakesWritableOnRead))
            return entry;
        entry = TArch.MakeWritable(entry);
        if (!write)
            return entry;
        write = false;
        return TArch.MakeDirty(entry);
    }

    private void AddMapping(in Fault fault, uint frame, uint cache, bool exclusive)
    {
        if (frame != cache && cache != 0)
        {
            mm.Rmap.AddNew(frame, fault.Vma, fault.Address, exclusive: true);
            mm.Rmap.LockInMemory(frame, fault.Vma);
            mm.Folios.Lru.Add(frame);
        }
        else if (!mm.Frames.Has(frame, FrameFlags.Anon))
        {
            mm.Rmap.AddNew(frame, fault.Vma, fault.Address, exclusive); // fresh from the device: a locked VMA is noticed by reclaim only
        }
        else
        {
            mm.Rmap.Add(frame, fault.Vma, exclusive);
        }
    }
}
