using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>Finds what merging may look at: address spaces that live, mergeable VMAs, and the anonymous pages in them.</summary>
internal sealed class KsmPlaces<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly ProcessLife<TArch, TModel> life;

    internal KsmPlaces(MmContext<TArch, TModel> mm, ProcessLife<TArch, TModel> life)
    {
        this.mm = mm;
        this.life = life;
    }

    internal static bool IsOfInterest(VmaFlags flags) => (flags & VmaFlags.Mergeable) != 0;

    /// <summary>Makes the caller a user of the slot's address space and returns it; 0 when that has ended or is ending.</summary>
    internal uint TryUse(uint slot)
    {
        ref KsmSlot record = ref mm.Ksm.Slots[slot];
        return life.TryGet(record.Space, record.Generation) ? record.Space : 0;
    }

    /// <summary>The mergeable VMA that covers an address, if any of its pages was ever anonymous; else 0. Under the mmap_lock.</summary>
    internal uint FindMergeable(uint space, ulong address)
    {
        uint vma = mm.Vmas.Find(space, address);
        return vma != 0 && IsOfInterest(mm.Vmas.FlagsOf(vma)) && mm.Vmas.AnonVmaOf(vma) != 0 ? vma : 0;
    }

    /// <summary>The next anonymous page from an address on, with a reference; 0 when there is none before the end. Under the mmap_lock.</summary>
    internal uint TryGetPage(uint root, ref ulong address, ulong end)
    {
        ulong span = 1UL << TArch.LevelShift(2);
        while (address < end)
        {
            ulong stop = Math.Min(end, (address & ~(span - 1)) + span);
            uint large = TryGetHugePage(root, address, out bool isLeaf);
            if (large != 0)
                return large;
            if (isLeaf)
                address = stop; // the huge zero page
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address < stop ? address : stop - 1);
            if (guard.Table == 0)
                address = stop;
            for (; address < stop; address += 1UL << TArch.PageShift)
            {
                uint frame = AnonFrame(guard[address].Value);
                if (frame == 0)
                    continue;
                mm.Frames.Get(frame);
                return frame;
            }
        }

        return 0;
    }

    /// <summary>The page that a huge leaf maps at an address, with a reference to its folio; 0 when there is none.</summary>
    private uint TryGetHugePage(uint root, ulong address, out bool isLeaf)
    {
        isLeaf = false;
        if (!mm.Huge.IsMapped(root, address))
            return 0;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, address);
        isLeaf = guard.IsLeaf;
        if (!isLeaf || guard.Head == 0)
            return 0;
        mm.Frames.Get(guard.Head);
        return guard.Head + HugePages<TArch, TModel>.PageOf(address);
    }

    private uint AnonFrame(Pte entry)
    {
        if (TArch.IsNone(entry, 1) || !TArch.IsPresent(entry, 1))
            return 0;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        return frame != 0 && mm.Frames.Has(frame, FrameFlags.Anon) ? frame : 0;
    }
}
