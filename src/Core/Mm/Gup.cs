using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Faults pages in on behalf of somebody who is not a processor executing user code (mm/gup.c, the slow path).</summary>
public sealed class Gup<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const int PressureTries = 8;

    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;

    /// <summary>Makes the operations of a machine.</summary>
    public Gup(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults)
    {
        this.mm = mm;
        this.faults = faults;
    }

    /// <summary>
    /// Makes one page present with the access that the flags ask for (faultin_page until follow_page succeeds). The caller holds the
    /// mmap_lock for reading; it is given up and taken again when a device is waited for or frames have to be reclaimed.
    /// </summary>
    /// <returns>Ok; Fault when nothing is mapped there or not with such access; NoMemory.</returns>
    public MmResult FaultIn(uint space, ulong virtualAddress, GupFlags flags, ref FaultCounters counters)
    {
        bool write = (flags & GupFlags.Write) != 0;
        FaultFlags fault = write ? FaultFlags.Write : FaultFlags.None;
        if ((flags & GupFlags.NoRetry) == 0)
            fault |= FaultFlags.AllowRetry;
        int pressure = 0;
        while (true)
        {
            uint vma = mm.Vmas.Find(space, virtualAddress);
            if (vma == 0 || (mm.Vmas.FlagsOf(vma) & (write ? VmaFlags.Write : VmaFlags.Read)) == 0)
                return MmResult.Fault;
            if (IsPresentFor(mm.Spaces[space].Root, virtualAddress, flags))
                return MmResult.Ok;
            FaultResult result = faults.Handle(vma, virtualAddress, fault, ref counters);
            if ((result & FaultResult.OutOfMemory) != 0)
            {
                if (pressure++ == PressureTries || !AskForFrames(space))
                    return MmResult.NoMemory;
            }
            else if ((result & FaultResult.Error) != 0)
            {
                return MmResult.Fault;
            }
            else if ((result & FaultResult.Retry) != 0)
            {
                mm.Spaces.ReleaseRead(space);
                mm.Spaces.AcquireRead(space);
                if ((flags & GupFlags.ForgetTried) == 0)
                    fault |= FaultFlags.Tried;
            }
        }
    }

    private bool AskForFrames(uint space)
    {
        mm.Spaces.ReleaseRead(space);
        bool freed = mm.MemoryPressure();
        mm.Spaces.AcquireRead(space);
        return freed;
    }

    /// <summary>follow_page_pte without taking a reference.</summary>
    private bool IsPresentFor(uint root, ulong virtualAddress, GupFlags flags)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, virtualAddress);
        if (guard.Table == 0)
            return false;
        Pte entry = guard[virtualAddress].Value;
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1) || TArch.IsProtNone(entry))
            return false;
        if ((flags & GupFlags.Write) == 0)
            return true;
        if (!TArch.IsWritable(entry))
            return false;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        if ((flags & GupFlags.Touch) != 0 && frame != 0 && !TArch.IsDirty(entry))
            mm.Frames.Set(frame, FrameFlags.Dirty); // the caller may write through its reference, which sets no dirty bit in the entry
        return true;
    }
}
