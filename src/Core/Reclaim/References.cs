using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Ksm;

namespace PageTableEmu.Reclaim;

/// <summary>
/// Who used a folio through page tables since reclaim last asked (mm/rmap.c folio_referenced): the accessed bits are counted, one for each VMA,
/// and taken away.
/// </summary>
/// <remarks>The caller holds the folio lock and a reference; the walk holds the lock of the anon_vma root or of the shared object.</remarks>
internal sealed class References<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly KsmReverseMap<TArch, TModel> merged;
    private readonly HugeReverseMap<TArch, TModel> leaves;

    internal References(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        merged = new KsmReverseMap<TArch, TModel>(mm);
        leaves = new HugeReverseMap<TArch, TModel>(mm);
    }

    /// <summary>Counts the VMAs through which a folio was used and makes its entries old.</summary>
    /// <param name="frame">The folio, locked.</param>
    /// <param name="locked">
    /// Whether a locked VMA maps all of the folio; it is counted as locked in memory then, because that count may have been lost. A large folio of
    /// which a locked VMA maps a part is not held by it: it can be split.
    /// </param>
    internal int Take(uint frame, out bool locked)
    {
        mm.Frames.AssertLocked(frame);
        locked = false;
        if (mm.Frames.FolioMappings(frame) == 0)
            return 0;
        if (mm.Frames.Has(frame, FrameFlags.SharedMemory))
            return mm.SharedMappings.TakeReferences(frame, out locked);
        if (mm.Frames.Has(frame, FrameFlags.Ksm))
        {
            var visitor = new Visitor(this, frame);
            merged.Walk(frame, ref visitor);
            locked = visitor.Locked;
            return visitor.Count;
        }

        return TakeAnonymous(frame, out locked);
    }

    private int TakeAnonymous(uint frame, out bool locked)
    {
        locked = false;
        uint anonVma = mm.ReverseMap.Lock(frame);
        if (anonVma == 0)
            return 0;
        int count = 0;
        uint pages = mm.Frames.PagesOf(frame);
        foreach (ReverseMapPlace place in mm.ReverseMap.Candidates(anonVma, mm.Frames[frame].Index, pages))
        {
            if (TakeAt(frame, pages, place, out locked))
                count++;
            if (locked)
                break;
        }

        mm.ReverseMap.Unlock(anonVma);
        return count;
    }

    /// <summary>Whether a VMA used the folio.</summary>
    private bool TakeAt(uint frame, uint pages, ReverseMapPlace place, out bool locked)
    {
        bool inLocked = (mm.Vmas.FlagsOf(place.Vma) & VmaFlags.Locked) != 0;
        if (pages != 1 && TryTakeLeaf(frame, place, inLocked, out bool used))
        {
            locked = inLocked;
        }
        else
        {
            uint mapped = TakeEntries(frame, pages, place, inLocked, out used);
            locked = inLocked && mapped == pages;
        }

        if (locked)
            mm.Rmap.RepairMlock(frame, place.Vma);
        return used;
    }

    private bool TryTakeLeaf(uint head, ReverseMapPlace place, bool inLocked, out bool used)
    {
        using HugeGuard<TArch, TModel> guard = leaves.Lock(place);
        used = false;
        if (!leaves.Maps(guard, place, head))
            return false;
        if (inLocked)
            return true;
        used = TArch.IsYoung(guard.Value);
        guard.Set(TArch.MakeOld(guard.Value));
        return true;
    }

    /// <summary>The number of entries of a VMA that map pages of the folio.</summary>
    private uint TakeEntries(uint head, uint pages, ReverseMapPlace place, bool inLocked, out bool used)
    {
        used = false;
        uint mapped = 0;
        uint root = mm.Spaces[mm.Vmas[place.Vma].AddressSpace].Root;
        ulong skipped = pages == 1 ? 0 : mm.Vmas.LinearIndex(place.Vma, place.Address) - mm.Frames[head].Index;
        uint frame = head + (uint)skipped;
        ulong end = Math.Min(mm.Vmas[place.Vma].End, place.Address + ((pages - skipped) << TArch.PageShift));
        for (ulong address = place.Address; address < end;)
        {
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            for (; address < stop; address += 1UL << TArch.PageShift, frame++)
            {
                if (guard.Table == 0 || !Unmapper<TArch, TModel>.Maps(guard[address].Value, frame))
                    continue;
                mapped++;
                if (inLocked || !TArch.IsYoung(guard[address].Value))
                    continue;
                used = true;
                guard[address].SetPresent(TArch.MakeOld(guard[address].Value));
            }
        }

        return mapped;
    }

    private struct Visitor(References<TArch, TModel> owner, uint frame) : IKsmPlaceVisitor
    {
        internal int Count;
        internal bool Locked;

        public bool Visit(ReverseMapPlace place)
        {
            if (owner.TakeAt(frame, 1, place, out Locked))
                Count++;
            return !Locked;
        }
    }
}
