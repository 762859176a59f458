using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Gives merged pages frames of their own again (mm/ksm.c break_ksm): by faults that unshare them, one for each.</summary>
public sealed class KsmPages<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;

    /// <summary>Makes the operation of a machine.</summary>
    public KsmPages(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.faults = faults;
    }

    /// <summary>
    /// Unshares all merged pages of [start, end), which lies in one VMA. The caller holds the mmap_lock and no lock behind it: frames that are
    /// missing are reclaimed here, as in the kernel, since a caller that moves the range cannot let go of the lock in between.
    /// </summary>
    /// <returns>Ok; NoMemory when there was no frame for a copy: the pages before are done.</returns>
    public MmResult Unmerge(uint vma, ulong start, ulong end, ref FaultCounters counters)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        ulong address = start;
        int pressure = 0;
        while (TryFindMerged(root, ref address, end))
        {
            FaultResult result = faults.Handle(vma, address, FaultFlags.Unshare, ref counters);
            if ((result & FaultResult.OutOfMemory) != 0)
            {
                if (pressure++ == MmContext<TArch, TModel>.PressureTries || !mm.TryFindFrames())
                    return MmResult.NoMemory;
                continue;
            }

            pressure = 0;
            if ((result & FaultResult.Error) != 0)
                address += 1UL << TArch.PageShift; // whatever is there now is not merged
        }

        return MmResult.Ok;
    }

    /// <summary>Entries of an address space that show the zero page because merging put it there. The caller holds the mmap_lock.</summary>
    public long CountZeroPages(uint space)
    {
        uint root = mm.Spaces[space].Root;
        long count = 0;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
        {
            for (ulong address = mm.Vmas[vma].Start; address < mm.Vmas[vma].End;)
            {
                using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
                ulong stop = Math.Min(mm.Vmas[vma].End, Zapper<TArch, TModel>.TableEnd(address));
                for (; guard.Table != 0 && address < stop; address += 1UL << TArch.PageShift)
                {
                    Pte entry = guard[address].Value;
                    count += !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) && mm.IsMergedZeroPage(entry) ? 1 : 0;
                }

                address = stop;
            }
        }

        return count;
    }

    private bool TryFindMerged(uint root, ref ulong address, ulong end)
    {
        while (address < end)
        {
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            if (guard.Table == 0)
                address = stop;
            for (; address < stop; address += 1UL << TArch.PageShift)
            {
                if (IsMerged(guard[address].Value))
                    return true;
            }
        }

        return false;
    }

    private bool IsMerged(Pte entry)
    {
        if (TArch.IsNone(entry, 1))
            return false;
        if (!TArch.IsPresent(entry, 1))
        {
            // A merged page stays one wherever it moves; the fault waits until it has arrived.
            return mm.Decode(entry) is { IsMigration: true } moving && mm.Frames.Has((uint)moving.Frame, FrameFlags.Ksm);
        }

        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        return frame != 0 ? mm.Frames.Has(frame, FrameFlags.Ksm) : mm.IsMergedZeroPage(entry);
    }
}
