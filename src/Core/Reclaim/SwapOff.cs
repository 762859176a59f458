using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Brings back every page of a swap area and removes the area (mm/swapfile.c try_to_unuse).
/// </summary>
/// <remarks>
/// Clause (c) of swap-in: the area hands out no slot any more, so an entry that names it cannot change its meaning. Shared objects come first
/// (no page table has their swap values, so their pages come back unmapped). Then address spaces are visited
/// in the order of the swapoff list, each from low to high addresses; what the swap cache still holds afterwards is let go; and so on until
/// no slot is in use. A page comes back read-only and old: the next store takes a fault.
/// </remarks>
public sealed class SwapOff<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly FaultHandler<TArch, TModel> faults;
    private readonly ProcessLife<TArch, TModel> life;

    /// <summary>Makes the operation of a machine.</summary>
    public SwapOff(MmContext<TArch, TModel> mm, FaultHandler<TArch, TModel> faults, ProcessLife<TArch, TModel> life)
    {
        this.mm = mm;
        this.faults = faults;
        this.life = life;
    }

    /// <summary>Removes an area.</summary>
    /// <returns>Ok; Invalid when there is no such area; NoMemory when its pages do not fit (it is in use again, nothing is lost).</returns>
    /// <exception cref="CorruptImageException">A record or entry is damaged; no lock that was taken here stays held.</exception>
    public SwapResult Run(uint type)
    {
        try
        {
            return RunToEnd(type);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private SwapResult RunToEnd(uint type)
    {
        SwapResult begun = mm.Swap.BeginSwapOff(type);
        if (begun != SwapResult.Ok)
            return begun;
        int shortages = 0;
        for (int rounds = 0; mm.Swap.InUse(type) != 0; rounds++)
        {
            if (rounds != 0)
                TModel.GoRound(rounds); // slots are on their way: a fault reads one, an address space that nobody uses any more is torn down
            bool visited = faults.SharedSwapIn.TryUnuse(type) && TryVisitSpaces(type);
            if (!visited && (shortages++ == MmContext<TArch, TModel>.PressureTries || !mm.TryFindFrames()))
            {
                mm.Swap.AbortSwapOff(type);
                return SwapResult.NoMemory;
            }

            LetGoOfCache(type);
        }

        SwapResult finished = mm.Swap.FinishSwapOff(type);
        if (finished == SwapResult.Ok && mm.Swap.TryBeginUnused())
        {
            // Nobody can swap anything out now. Without keeping it so, a swapon and a swap-out could come before the list is emptied, and an
            // address space that was still listed then would have entries that no later swapoff finds.
            mm.Spaces.ClearMmList();
            mm.Swap.EndUnused();
        }

        return finished;
    }

    private bool TryVisitSpaces(uint type)
    {
        bool done = true;
        uint space = mm.Spaces.NextOnMmListWithUser(0);
        while (space != 0)
        {
            if (done)
                done = TryVisitSpace(space, type);
            uint next = done ? mm.Spaces.NextOnMmListWithUser(space) : 0;
            life.Put(space); // not before the next one was found: the list goes through it
            space = next;
        }

        return done;
    }

    private bool TryVisitSpace(uint space, uint type)
    {
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        bool done = true;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0 && done; vma = mm.Vmas.Next(vma))
        {
            if (mm.Vmas.AnonVmaOf(vma) != 0)
                done = TryVisitVma(vma, type);
        }

        return done;
    }

    private bool TryVisitVma(uint vma, uint type)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        ulong end = mm.Vmas[vma].End;
        for (ulong address = mm.Vmas[vma].Start; address < end;)
        {
            uint table = mm.Tables.LeafTable(root, address);
            if (table == 0)
            {
                ulong span = 1UL << TArch.LevelShift(2);
                address = (address & ~(span - 1)) + span;
                continue;
            }

            Pte entry = PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(table, address));
            if (!TArch.IsNone(entry, 1) && !TArch.IsPresent(entry, 1) && mm.Decode(entry) is { Kind: SoftLeafKind.Swap } soft
                && soft.Type == type && !TryBringBack(new Fault(vma, root, address, FaultFlags.None), new SwapEntry(type, soft.Offset)))
                return false;
            address += 1UL << TArch.PageShift;
        }

        return true;
    }

    /// <summary>False only when frames run out.</summary>
    private bool TryBringBack(in Fault fault, SwapEntry entry)
    {
        if (!mm.Swap.TryPinArea(entry))
            return true;
        uint cached = faults.SwapIn.Readahead.Read(fault, entry, out _);
        if (cached == 0)
        {
            bool gone = mm.Swap.Count(entry) == 0;
            mm.Swap.UnpinArea(entry);
            return gone;
        }

        mm.Frames.Lock(cached);
        mm.Swap.WaitForWriteback(cached);
        bool mapped = faults.SwapIn.TryRestore(fault, entry, cached);
        mm.Swap.TryFreeSlot(cached); // succeeds with the last entry that named it
        mm.Frames.Unlock(cached);
        mm.Folios.Put(cached);
        mm.Swap.UnpinArea(entry);
        return mapped;
    }

    private void LetGoOfCache(uint type)
    {
        for (ulong offset = mm.Swap.NextInUse(type, 1); offset != 0; offset = mm.Swap.NextInUse(type, offset + 1))
        {
            var entry = new SwapEntry(type, offset);
            uint cached = mm.Swap.Lookup(entry);
            if (cached == 0)
                continue;
            mm.Frames.Lock(cached);
            if (!TModel.SwapOffChecksLeftovers)
            {
                ForceOut(cached);
            }
            else if (mm.Swap.IsBound(cached, entry))
            {
                mm.Swap.WaitForWriteback(cached);
                mm.Swap.TryFreeSlot(cached);
            }

            mm.Frames.Unlock(cached);
            mm.Folios.Put(cached);
        }
    }

    /// <summary>
    /// As before 68bdc8d64742: whatever slot the folio has by now, and whoever uses that. The slot may be one of another area that its content
    /// has not reached yet.
    /// </summary>
    private void ForceOut(uint cached)
    {
        mm.Swap.WaitForWriteback(cached);
        if (mm.Frames.Has(cached, FrameFlags.SwapCache))
            mm.Swap.RemoveFromCache(cached);
    }
}
