using PageTableEmu.Atomics;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// Guard regions (MADV_GUARD_INSTALL and REMOVE): pages of a mapping that must not be touched, kept as markers in the page table without a VMA
/// of their own.
/// </summary>
/// <remarks>The caller holds the mmap_lock, for reading or for writing.</remarks>
internal sealed class GuardRegions<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>How often a range is emptied again before the lock is given up (MAX_MADVISE_GUARD_RETRIES).</summary>
    private const int Tries = 3;

    private readonly MmContext<TArch, TModel> mm;
    private readonly Zapper<TArch, TModel> zapper;

    internal GuardRegions(MmContext<TArch, TModel> mm, Zapper<TArch, TModel> zapper)
    {
        this.mm = mm;
        this.zapper = zapper;
    }

    /// <summary>
    /// Drops what [start, end) holds and puts guard markers there. Again: faults of other threads were faster each time; nobody can be under
    /// the mmap_lock for writing, with which the caller comes back.
    /// </summary>
    internal MmResult Install(uint vma, ulong start, ulong end)
    {
        if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Locked) != 0)
            return MmResult.Invalid;
        mm.Vmas.SetFlags(vma, mm.Vmas.FlagsOf(vma) | VmaFlags.Guard); // fork must copy this VMA's table from now on
        if (mm.Vmas[vma].SharedObject == 0 && !mm.Vmas.TryPrepareAnonVma(vma))
            return MmResult.NoMemory;
        MmResult result = MmResult.Again;
        for (int tries = 0; tries < Tries && result == MmResult.Again; tries++)
        {
            zapper.Zap(vma, start, end, dropMarkers: false);
            result = TryMark(vma, start, end);
        }

        return result;
    }

    /// <summary>Again: a page was faulted in since the range was emptied.</summary>
    private MmResult TryMark(uint vma, ulong start, ulong end)
    {
        Pte marker = SoftLeaf.OfMarker(PteMarkers.Guard).Encode<TArch>(mm.SwapTypes);
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        for (ulong address = start; address < end;)
        {
            using TableGuard<TArch, TModel> guard = mm.Leaves.LockOrCreate(root, address);
            if (guard.Table == 0)
                return mm.Huge.IsMapped(root, address) ? MmResult.Again : MmResult.NoMemory;
            for (ulong stop = Math.Min(end, guard.End); address < stop; address += 1UL << TArch.PageShift)
            {
                if (!IsEmptyOrMarker(guard[address].Value))
                    return MmResult.Again;
                mm.Leaves.Mark(guard[address], marker);
            }
        }

        return MmResult.Ok;
    }

    /// <summary>Removes the guard markers of [start, end).</summary>
    internal void Remove(uint vma, ulong start, ulong end)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        for (ulong address = start; address < end;)
        {
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            if (guard.Table == 0)
                address = stop;
            for (; address < stop; address += 1UL << TArch.PageShift)
            {
                if (IsGuard(guard[address].Value))
                    mm.Leaves.Mark(guard[address], default);
            }
        }
    }

    private bool IsGuard(Pte entry) =>
        !TArch.IsNone(entry, 1) && !TArch.IsPresent(entry, 1) && (mm.Decode(entry).Markers & PteMarkers.Guard) != 0;

    private bool IsEmptyOrMarker(Pte entry) =>
        TArch.IsNone(entry, 1) || (!TArch.IsPresent(entry, 1) && mm.Decode(entry).Kind == SoftLeafKind.Marker);
}
