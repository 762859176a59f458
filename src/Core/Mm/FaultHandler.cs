using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// Page faults (mm/memory.c handle_pte_fault): finds out what the entry is and hands it to the part that knows it.
/// </summary>
/// <remarks>
/// The caller holds the mmap_lock for reading and has checked that the VMA covers the address and allows the access; it gives the lock up
/// when the result says <see cref="FaultResult.Retry"/>. The entry is first read without its lock; whoever changes it locks the table and
/// compares it with what was read (pte_same). An entry that changed meanwhile ends the fault: the access is tried again.
/// </remarks>
public sealed class FaultHandler<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly SwapInFault<TArch, TModel> swapIn;
    private readonly HugeFault<TArch, TModel> huge;
    private readonly LargeAnonFault<TArch, TModel> large;
    private readonly WriteProtectFault<TArch, TModel> writeProtect;
    private readonly SharedFault<TArch, TModel> shared;

    /// <summary>Makes the handler of a machine.</summary>
    public FaultHandler(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        huge = new HugeFault<TArch, TModel>(mm);
        large = new LargeAnonFault<TArch, TModel>(mm);
        writeProtect = new WriteProtectFault<TArch, TModel>(mm);
        swapIn = new SwapInFault<TArch, TModel>(mm, writeProtect);
        SharedSwapIn = new SharedSwapIn<TArch, TModel>(mm, swapIn);
        shared = new SharedFault<TArch, TModel>(mm, SharedSwapIn);
    }

    /// <summary>Swap-in, also for whoever fills the swap cache ahead of a fault.</summary>
    public SwapInFault<TArch, TModel> SwapIn => swapIn;

    /// <summary>Pages of shared objects, brought in from swap if need be.</summary>
    public SharedSwapIn<TArch, TModel> SharedSwapIn { get; }

    /// <summary>Handles one fault and counts it.</summary>
    /// <param name="vma">The VMA that covers the address.</param>
    /// <param name="virtualAddress">The address; bits below the page are ignored.</param>
    /// <param name="flags">What is wanted.</param>
    /// <param name="counters">Whose faults to count.</param>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public FaultResult Handle(uint vma, ulong virtualAddress, FaultFlags flags, ref FaultCounters counters)
    {
        ulong page = virtualAddress & ~((1UL << TArch.PageShift) - 1);
        try
        {
            FaultResult result = HandleEntry(new Fault(vma, mm.Spaces[mm.Vmas[vma].AddressSpace].Root, page, flags));
            counters.Count(result, flags);
            return result;
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    /// <summary>
    /// Handles the faults of neighbouring pages together and counts them, as far as these are swapped out and plain; for whoever would handle
    /// them one after the other.
    /// </summary>
    /// <param name="vma">The VMA that covers the addresses.</param>
    /// <param name="virtualAddress">Address of the first page.</param>
    /// <param name="end">First address behind the last; at most the end of the VMA.</param>
    /// <param name="flags">What is wanted.</param>
    /// <param name="touch">Whether the pages count as used.</param>
    /// <param name="counters">Whose faults to count.</param>
    /// <returns>First address that is left to be handled.</returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    internal ulong HandleRun(uint vma, ulong virtualAddress, ulong end, FaultFlags flags, bool touch, ref FaultCounters counters)
    {
        try
        {
            int done = swapIn.HandleRun(new Fault(vma, mm.Spaces[mm.Vmas[vma].AddressSpace].Root, virtualAddress, flags), end, touch);
            counters.Major += done;
            return virtualAddress + ((ulong)done << TArch.PageShift);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private FaultResult HandleEntry(in Fault fault)
    {
        if (huge.TryHandle(fault, out FaultResult result))
            return result;
        uint table = mm.Tables.LeafTable(fault.Root, fault.Address);
        Pte entry = table == 0 ? default : PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, fault.Address));
        if (TArch.IsNone(entry, 1))
            return HandleMissing(fault, expected: entry, marked: false);
        return TArch.IsPresent(entry, 1) ? HandlePresent(fault, entry) : HandleSoftLeaf(fault, entry);
    }

    private FaultResult HandleSoftLeaf(in Fault fault, Pte entry)
    {
        SoftLeaf leaf = mm.Decode(entry);
        if (leaf.IsMigration)
        {
            new MigrationWait<TArch, TModel>(mm).Wait(fault.Root, fault.Address);
            return FaultResult.None; // the access looks again
        }

        return leaf.Kind switch
        {
            SoftLeafKind.Swap => swapIn.Handle(fault, entry, leaf),
            SoftLeafKind.Marker => HandleMarker(fault, entry, leaf),
            SoftLeafKind.HwPoison => FaultResult.HardwarePoison,
            _ => FaultResult.BusError, // no operation of this machine makes any other kind
        };
    }

    /// <summary>Poison before guard before write-protect, as the kernel looks at them (handle_pte_marker).</summary>
    private FaultResult HandleMarker(in Fault fault, Pte entry, in SoftLeaf leaf)
    {
        if ((leaf.Markers & PteMarkers.Poisoned) != 0)
            return FaultResult.HardwarePoison;
        if ((leaf.Markers & PteMarkers.Guard) != 0)
            return FaultResult.SegmentationFault;
        if ((leaf.Markers & PteMarkers.UffdWp) == 0)
            return FaultResult.BusError;
        if (mm.IsWriteProtectWatched(fault.Vma))
            return HandleMissing(fault, entry, marked: true);

        // The VMA is no longer registered: the marker means nothing now.
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        if (guard.Table != 0 && guard[fault.Address].Value == entry)
            mm.Leaves.Mark(guard[fault.Address], default);
        return FaultResult.None;
    }

    /// <summary>A page that was never there (do_anonymous_page): the zero page for a load, a fresh zeroed frame for a store.</summary>
    private FaultResult HandleMissing(in Fault fault, Pte expected, bool marked)
    {
        VmaFlags vmaFlags = mm.Vmas.FlagsOf(fault.Vma);
        if (mm.Vmas[fault.Vma].SharedObject != 0)
            return shared.Handle(fault, expected, marked);
        if ((vmaFlags & VmaFlags.UffdMissing) != 0)
            return AskForMissing(fault, expected);
        if (!fault.HasAny(FaultFlags.Write))
            return MapZeroPage(fault, expected, vmaFlags, marked);
        if (!mm.Vmas.TryPrepareAnonVma(fault.Vma))
            return FaultResult.OutOfMemory;
        if (!marked && large.TryHandle(fault, vmaFlags))
            return FaultResult.None;
        uint frame = mm.TryAllocate(mm.Vmas[fault.Vma].AddressSpace, zeroed: true);
        if (frame == 0)
            return FaultResult.OutOfMemory;
        mm.Frames.Set(frame, FrameFlags.Uptodate | FrameFlags.SwapBacked);

        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(fault.Root, fault.Address);
        if (guard.Table == 0 || guard[fault.Address].Value != expected)
        {
            mm.Folios.Put(frame);
            return guard.Table == 0 ? NoTable(fault) : FaultResult.None;
        }

        // Young by its protection; mkyoung would open a PROT_NONE entry to the hardware on sparc64 (the kernel calls pte_sw_mkyoung here).
        Pte entry = TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1);
        if ((vmaFlags & VmaFlags.Write) != 0)
            entry = TArch.MakeWritable(TArch.MakeDirty(entry));
        if (marked)
            entry = TArch.MakeUffdWp(entry);
        mm.Rmap.AddNew(frame, fault.Vma, fault.Address, exclusive: true);
        mm.Rmap.LockInMemory(frame, fault.Vma);
        mm.Folios.Lru.Add(frame);
        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace].AnonPages, 1);
        Publish(guard[fault.Address], entry, marked);
        return FaultResult.None;
    }

    /// <summary>userfaultfd_missing: whoever registered the VMA says what the page holds.</summary>
    private FaultResult AskForMissing(in Fault fault, Pte expected)
    {
        if (fault.HasAny(FaultFlags.Write) && !mm.Vmas.TryPrepareAnonVma(fault.Vma))
            return FaultResult.OutOfMemory;
        using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address);
        Pte entry = guard.Table == 0 ? default : guard[fault.Address].Value;
        bool unchanged = entry == expected && (guard.Table != 0 || !mm.Huge.IsMapped(fault.Root, fault.Address));
        return unchanged ? UserfaultRules<TArch, TModel>.Ask(mm, fault.Vma, FaultResult.UserfaultMissing) : FaultResult.None;
    }

    private FaultResult MapZeroPage(in Fault fault, Pte expected, VmaFlags vmaFlags, bool marked)
    {
        using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(fault.Root, fault.Address);
        if (guard.Table == 0)
            return NoTable(fault);
        if (guard[fault.Address].Value != expected)
            return FaultResult.None;
        Pte entry = TArch.MakeSpecial(TArch.MakeLeaf(mm.Folios.ZeroFrame, MmContext<TArch, TModel>.ProtectionOf(vmaFlags), 1));
        Publish(guard[fault.Address], marked ? TArch.MakeUffdWp(entry) : entry, marked);
        return FaultResult.None;
    }

    /// <summary>A table could not be had: somebody else put a huge leaf there, which is as good, or frames ran out.</summary>
    private FaultResult NoTable(in Fault fault) =>
        mm.Huge.IsMapped(fault.Root, fault.Address) ? FaultResult.None : FaultResult.OutOfMemory;

    private void Publish(Leaf<TArch, TModel> leaf, Pte entry, bool marked)
    {
        if (marked)
            mm.Leaves.Mark(leaf, entry);
        else
            mm.Leaves.Publish(leaf, entry);
    }

    private FaultResult HandlePresent(in Fault fault, Pte expected)
    {
        PendingCopy copy;
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(fault.Root, fault.Address))
        {
            if (guard.Table == 0 || guard[fault.Address].Value != expected)
                return FaultResult.None;
            if (!fault.HasAny(FaultFlags.Write | FaultFlags.Unshare) || TArch.IsWritable(expected))
            {
                Pte entry = fault.HasAny(FaultFlags.Write) ? TArch.MakeDirty(expected) : expected;
                guard[fault.Address].SetPresent(TArch.MakeYoung(entry));
                return FaultResult.None;
            }

            if (writeProtect.TryReuse(fault, guard[fault.Address], out copy))
                return FaultResult.None;
        }

        return writeProtect.FinishCopy(fault, copy);
    }
}
