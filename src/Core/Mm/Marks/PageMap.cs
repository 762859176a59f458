using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.Marks;

/// <summary>Shows pages of an address space as /proc/PID/pagemap does (fs/proc/task_mmu.c pagemap_pmd_range).</summary>
/// <example>
/// <code>
/// PageInfo page = machine.PageMap.Look(process, address);
/// bool written = page.Has(PageInfoFlags.SoftDirty);
/// </code>
/// </example>
public sealed class PageMap<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const int SoftDirtyBit = 55;
    private const int MappedOnceBit = SoftDirtyBit + 1;
    private const int UffdWpBit = MappedOnceBit + 1;
    private const int GuardBit = UffdWpBit + 1;
    private const int FileBit = 61;
    private const int SwapBit = FileBit + 1;
    private const int PresentBit = SwapBit + 1;
    private const ulong FrameMask = (1UL << SoftDirtyBit) - 1;
    private const int TypeBits = 5;

    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes a view of a machine.</summary>
    public PageMap(MmContext<TArch, TModel> mm)
    {
        ArgumentNullException.ThrowIfNull(mm);
        this.mm = mm;
    }

    /// <summary>The page of an address; no VMA there: <see cref="SoftLeafKind.None"/> without flags.</summary>
    public PageInfo Look(uint space, ulong virtualAddress)
    {
        mm.Spaces.ThrowIfNotLive(space);
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        uint vma = mm.Vmas.Find(space, virtualAddress);
        return vma == 0 ? default : LookIn(vma, virtualAddress & ~((1UL << TArch.PageShift) - 1));
    }

    /// <summary>The page of an address of a VMA; the caller holds the mmap_lock.</summary>
    internal PageInfo LookIn(uint vma, ulong address)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        VmaFlags flags = mm.Vmas.FlagsOf(vma);
        using (TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address))
        {
            if (guard.Table != 0)
                return Describe(guard[address].Value, flags);
        }

        using HugeGuard<TArch, TModel> huge = mm.Huge.Lock(root, address);
        return huge.IsLeaf ? OfHuge(huge, address, flags) : Describe(default, flags);
    }

    /// <summary>What an entry of level 1 shows; its table is locked.</summary>
    internal PageInfo Describe(Pte entry, VmaFlags vma)
    {
        if (TArch.IsNone(entry, 1))
            return Finish(default, VmaMarks(vma), 0);
        return TArch.IsPresent(entry, 1) ? OfPresent(entry, (uint)TArch.FrameOf(entry, 1), vma) : OfSoftLeaf(entry, vma);
    }

    private static PageInfoFlags VmaMarks(VmaFlags vma) =>
        TArch.HasSoftDirty && (vma & VmaFlags.SoftDirty) != 0 ? PageInfoFlags.SoftDirty : PageInfoFlags.None;

    private PageInfo OfHuge(in HugeGuard<TArch, TModel> guard, ulong address, VmaFlags vma)
    {
        uint head = guard.Head;
        uint frame = (uint)TArch.FrameOf(guard.Value, 2) + HugePages<TArch, TModel>.PageOf(address);
        PageInfo shown = OfPresent(guard.Value, frame, vma);
        PageInfoFlags flags = shown.Flags | PageInfoFlags.Huge;
        if (head == 0)
            return Finish(shown, flags | PageInfoFlags.FileOrShared, frame); // the huge zero page is shown as a file's
        const PageInfoFlags OfTheFolio = PageInfoFlags.MappedOnce | PageInfoFlags.Exclusive;
        flags &= ~OfTheFolio;
        if (mm.Frames.Mappings(head) == 1)
            flags |= PageInfoFlags.MappedOnce;
        if (mm.Frames.Has(head, FrameFlags.AnonExclusive))
            flags |= PageInfoFlags.Exclusive;
        return Finish(shown, flags, frame);
    }

    private PageInfo OfPresent(Pte entry, uint frame, VmaFlags vma)
    {
        PageInfoFlags flags = VmaMarks(vma)
            | (TArch.IsSoftDirty(entry) ? PageInfoFlags.SoftDirty : 0)
            | (TArch.IsUffdWp(entry) ? PageInfoFlags.UffdWp : 0)
            | (TArch.IsWritable(entry) ? PageInfoFlags.Writable : 0)
            | (TArch.IsDirty(entry) ? PageInfoFlags.Dirty : 0)
            | (TArch.IsYoung(entry) ? PageInfoFlags.Young : 0);
        if (TArch.IsSpecial(entry))
            flags |= PageInfoFlags.ZeroPage;
        else
        {
            FrameFlags state = mm.Frames.Flags(frame);
            flags |= (state & FrameFlags.Anon) == 0 ? PageInfoFlags.FileOrShared : 0;
            flags |= (state & FrameFlags.AnonExclusive) != 0 ? PageInfoFlags.Exclusive : 0;
            flags |= mm.Frames.Mappings(frame) == 1 ? PageInfoFlags.MappedOnce : 0;
        }

        return Finish(new PageInfo { Kind = SoftLeafKind.Present, Frame = frame }, flags, frame);
    }

    private PageInfo OfSoftLeaf(Pte entry, VmaFlags vma)
    {
        SoftLeaf soft = mm.Decode(entry);
        PageInfoFlags flags = VmaMarks(vma)
            | (soft.IsSoftDirty ? PageInfoFlags.SoftDirty : 0)
            | (soft.IsUffdWp || (soft.Markers & PteMarkers.UffdWp) != 0 ? PageInfoFlags.UffdWp : 0)
            | (soft.IsExclusive ? PageInfoFlags.Exclusive : 0)
            | ((soft.Markers & PteMarkers.Guard) != 0 ? PageInfoFlags.Guard : 0)
            | ((soft.Markers & PteMarkers.Poisoned) != 0 || soft.Kind == SoftLeafKind.HwPoison ? PageInfoFlags.Poisoned : 0);
        bool known = soft.HasFrame && soft.Frame < mm.Frames.FrameCount && mm.Frames.HasStorage((uint)soft.Frame);
        if (known && !mm.Frames.Has((uint)soft.Frame, FrameFlags.Anon))
            flags |= PageInfoFlags.FileOrShared;
        ulong offset = soft.HasFrame ? soft.Frame : TArch.SwapOffset(entry);
        var info = new PageInfo
        {
            Kind = soft.Kind,
            Frame = known ? (uint)soft.Frame : 0,
            Slot = soft.Kind == SoftLeafKind.Swap ? new SwapEntry(soft.Type, soft.Offset) : default,
        };
        return Finish(info, flags, TArch.SwapType(entry) | (offset << TypeBits));
    }

    private static PageInfo Finish(PageInfo info, PageInfoFlags flags, ulong number)
    {
        ulong word = number & FrameMask;
        void Add(bool set, int bit) => word |= set ? 1UL << bit : 0;
        Add((flags & PageInfoFlags.SoftDirty) != 0, SoftDirtyBit);
        Add((flags & PageInfoFlags.MappedOnce) != 0, MappedOnceBit);
        Add((flags & PageInfoFlags.UffdWp) != 0, UffdWpBit);
        Add((flags & PageInfoFlags.Guard) != 0, GuardBit);
        Add((flags & PageInfoFlags.FileOrShared) != 0, FileBit);
        Add(info.Kind == SoftLeafKind.Present, PresentBit);
        Add(info.Kind is not (SoftLeafKind.None or SoftLeafKind.Present), SwapBit);
        return info with { Flags = flags, PagemapWord = word };
    }
}
