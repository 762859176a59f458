using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>mlock(2) and munlock(2): keeping the pages of a range in memory (mm/mlock.c).</summary>
public sealed class Mlock<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Gup<TArch, TModel> gup;

    /// <summary>Makes the operation of a machine.</summary>
    public Mlock(MmContext<TArch, TModel> mm, Gup<TArch, TModel> gup)
    {
        this.mm = mm;
        this.gup = gup;
    }

    /// <summary>Locks [start, end) and faults every page of it in.</summary>
    /// <returns>
    /// Ok; NoMemory when a part is not mapped (the part before it is locked) or a page cannot be faulted in (all is locked all the same).
    /// </returns>
    public MmResult Lock(uint space, ulong start, ulong end, ref FaultCounters counters)
    {
        MmResult result = Apply(space, start, end, locked: true);
        if (result != MmResult.Ok)
            return result;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        return PopulateVmas(space, start, end, GupFlags.None, ref counters) == MmResult.Ok ? MmResult.Ok : MmResult.NoMemory;
    }

    /// <summary>Unlocks [start, end).</summary>
    /// <returns>Ok; NoMemory when a part is not mapped (the part before it is unlocked).</returns>
    public MmResult Unlock(uint space, ulong start, ulong end) => Apply(space, start, end, locked: false);

    /// <summary>
    /// Faults the pages of a locked range in again after it became writable (the end of mprotect_fixup); failures do not matter. The caller
    /// holds the mmap_lock for writing.
    /// </summary>
    internal void PopulateWritable(uint space, ulong start, ulong end, ref FaultCounters counters) =>
        PopulateVmas(space, start, end, GupFlags.KeepLock, ref counters);

    /// <summary>
    /// Faults the pages of a locked range in that became part of a mapping; failures do not matter (mm_populate). Takes the mmap_lock.
    /// </summary>
    internal void Populate(uint space, ulong start, ulong end, ref FaultCounters counters)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        PopulateVmas(space, start, end, GupFlags.None, ref counters);
    }

    /// <summary>
    /// VMA by VMA (__mm_populate, populate_vma_page_range); at the end of each the processor's batches are drained. A writable private page is
    /// faulted in for writing, so that copy-on-write is done with.
    /// </summary>
    private MmResult PopulateVmas(uint space, ulong start, ulong end, GupFlags flags, ref FaultCounters counters)
    {
        flags |= GupFlags.ForgetTried | GupFlags.Touch;
        MmResult result = MmResult.Ok;
        for (ulong address = start; address < end && result == MmResult.Ok;)
        {
            uint vma = mm.Vmas.Find(space, address);
            if (vma == 0)
                return MmResult.NoMemory;
            bool write = (mm.Vmas.FlagsOf(vma) & (VmaFlags.Write | VmaFlags.Shared)) == VmaFlags.Write;
            ulong stop = Math.Min(mm.Vmas[vma].End, end);
            result = gup.FaultIn(space, vma, ref address, stop, write ? flags | GupFlags.Write : flags, ref counters);
            if (address == stop || result != MmResult.Ok)
                mm.Folios.Allocator.AdvanceEpoch(); // lru_add_drain
        }

        return result;
    }

    private MmResult Apply(uint space, ulong start, ulong end, bool locked)
    {
        try
        {
            using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
            return ApplyToVmas(space, start, end, locked);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult ApplyToVmas(uint space, ulong start, ulong end, bool locked)
    {
        MmResult result = MmResult.Ok;
        for (ulong position = start; position < end && result == MmResult.Ok;)
        {
            uint vma = mm.Vmas.Find(space, position);
            ulong stop = vma == 0 ? end : Math.Min(mm.Vmas[vma].End, end);
            result = vma == 0 ? MmResult.NoMemory : ApplyToVma(vma, position, stop, locked);
            position = stop;
        }

        return result;
    }

    private MmResult ApplyToVma(uint vma, ulong start, ulong end, bool locked)
    {
        VmaFlags flags = mm.Vmas.FlagsOf(vma);
        VmaFlags wanted = (flags & ~Vmas<TModel>.LockFlags) | (locked ? VmaFlags.Locked : VmaFlags.None);
        if (wanted == flags)
            return MmResult.Ok;
        uint changed = mm.Vmas.TryModify(vma, start, end, wanted, mm.Vmas[vma].Uffd);
        if (changed == 0)
            return MmResult.NoMemory;
        if (((flags ^ wanted) & VmaFlags.Locked) == 0)
            return MmResult.Ok; // only VM_LOCKONFAULT went: the pages are counted already
        CountPages(mm.Spaces[mm.Vmas[changed].AddressSpace].Root, start, end, locked);
        mm.Folios.Allocator.EndMlockBatch();
        return MmResult.Ok;
    }

    /// <summary>Present pages are counted at once (mlock_vma_pages_range); those that come later count when they are mapped.</summary>
    private void CountPages(uint root, ulong start, ulong end, bool locked)
    {
        for (ulong address = start; address < end;)
        {
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            if (TryCountHuge(root, address, locked))
            {
                address = stop; // a VMA never ends inside a huge leaf
                continue;
            }

            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            if (guard.Table == 0)
                address = stop;
            uint last = 0;
            for (; address < stop; address += 1UL << TArch.PageShift)
            {
                Pte entry = guard[address].Value;
                uint frame = TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) ? 0 : MmContext<TArch, TModel>.NormalFrame(entry);
                if (frame == 0 || (mm.Frames.IsLarge(frame) && !CountsFrom(guard, frame, address, stop, locked, ref last)))
                    continue;
                if (locked)
                    mm.Rmap.MlockFolio(frame);
                else
                    mm.Rmap.MunlockFolio(frame);
            }
        }
    }

    private bool TryCountHuge(uint root, ulong address, bool locked)
    {
        if (!mm.Huge.IsMapped(root, address))
            return false;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        if (!guard.IsLeaf)
            return false;
        if (guard.Head != 0 && locked)
            mm.Rmap.MlockFolio(guard.Head);
        else if (guard.Head != 0)
            mm.Rmap.MunlockFolio(guard.Head);
        return true;
    }

    /// <summary>
    /// A large folio mapped page by page is counted once, at its first page, and only if the range maps all of it in one table
    /// (allow_mlock_munlock). The count is taken back once too, however much of the folio is mapped.
    /// </summary>
    private bool CountsFrom(in TableGuard<TArch, TModel> guard, uint frame, ulong address, ulong end, bool locked, ref uint last)
    {
        uint head = mm.Frames.HeadOf(frame);
        if (locked)
            return head == frame && HugeAdvice<TArch, TModel>.IsWholeRun(guard, address, end, mm.Frames, head);
        bool counted = head == last;
        last = head;
        return !counted;
    }
}
