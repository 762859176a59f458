using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// Faults that are about huge pages (mm/huge_memory.c do_huge_pmd_anonymous_page, do_huge_pmd_wp_page): the first touch of a range that may
/// have one, and accesses that a huge leaf does not allow.
/// </summary>
/// <remarks>
/// A range gets a huge page when its VMA wants them, covers it wholly, and there is no table for it yet, not even an empty one. What cannot be
/// done with a huge page (no free block, a page that must be copied) is left to the faults of base pages, after the leaf was split.
/// </remarks>
internal sealed class HugeFault<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    internal HugeFault(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>Handles the fault, or leaves it to the level below: false.</summary>
    internal bool TryHandle(in Fault fault, out FaultResult result)
    {
        result = FaultResult.None;
        uint middle = mm.Tables.MiddleTable(fault.Root, fault.Address);
        Pte entry = middle == 0 ? default : PageTables<TArch, TModel>.Load(ref mm.Tables.Entry(middle, fault.Address, 2));
        if (TArch.IsNone(entry, 2))
            return Fits(fault.Vma, fault.Address) && TryMap(fault, out result);
        if (HugePages<TArch, TModel>.IsMigration(entry))
        {
            new MigrationWait<TArch, TModel>(mm).WaitHuge(fault.Root, fault.Address);
            return true;
        }

        if (!TArch.IsLeaf(entry, 2))
            return false;
        if (TryHandleLeaf(fault, entry, out bool needsHugePage, ref result))
            return true;
        return needsHugePage && TryReplaceZero(fault, entry);
    }

    /// <summary>Where userfaultfd is told of missing pages, the fault of the base page tells it.</summary>
    private bool Fits(uint vma, ulong address) =>
        mm.Orders.AllowsHuge(mm.Vmas.FlagsOf(vma)) && (mm.Vmas.FlagsOf(vma) & VmaFlags.UffdMissing) == 0 && mm.Vmas[vma].SharedObject == 0
        && HugePages<TArch, TModel>.IsWhole(address, mm.Vmas[vma].Start, mm.Vmas[vma].End);

    private bool TryMap(in Fault fault, out FaultResult result)
    {
        bool write = fault.HasAny(FaultFlags.Write);
        result = FaultResult.OutOfMemory;
        if (!mm.Vmas.TryPrepareAnonVma(fault.Vma))
            return true;
        uint head = write ? TryAllocateLarge(fault.Vma) : mm.Tags.TryHugeZeroFrame();
        if (head == 0)
            return false; // no free block: base pages will do
        uint spare = mm.Tables.TryCreateSpare(mm.Vmas[fault.Vma].AddressSpace);
        uint middle = spare == 0 ? 0 : mm.Tables.TryEnsureMiddleTable(fault.Root, fault.Address);
        bool installed = false;
        if (middle != 0)
        {
            result = FaultResult.None;
            installed = TryInstall(fault, middle, head, spare, write);
        }

        if (installed)
            return true;
        if (write)
            mm.Folios.Put(head);
        if (spare != 0)
            mm.Tables.FreeSpare(spare);
        return true; // somebody else put something there, or frames ran out: the access looks again
    }

    /// <summary>VMAs that ask for huge pages get compaction for them (defrag=madvise).</summary>
    private uint TryAllocateLarge(uint vma)
    {
        uint space = mm.Vmas[vma].AddressSpace;
        uint head = mm.TryAllocateLarge(space);
        return head == 0 && mm.BlockPressure() ? mm.TryAllocateLarge(space) : head;
    }

    private bool TryInstall(in Fault fault, uint middle, uint head, uint spare, bool write)
    {
        using var guard = new HugeGuard<TArch, TModel>(mm.Tables, middle, fault.Address);
        if (!TArch.IsNone(guard.Value, 2))
            return false;
        if (!write)
            return mm.Huge.TryInstall(middle, fault.Address, ZeroLeaf(fault.Vma, head), spare);

        // A table may still come between: then the folio, which nobody has seen, is taken back.
        Pte leaf = mm.Huge.Adopt(head, fault.Vma, guard.First);
        if (mm.Huge.TryInstall(middle, fault.Address, leaf, spare))
        {
            mm.Folios.Lru.Add(head); // not before: reclaim must not find a folio that may be taken back
            return true;
        }

        Atomic<TModel>.Add(ref mm.Spaces[mm.Vmas[fault.Vma].AddressSpace].AnonPages, -HugePages<TArch, TModel>.Pages);
        mm.Rmap.RemoveLarge(head, fault.Vma);
        return false;
    }

    private Pte ZeroLeaf(uint vma, uint frame) =>
        TArch.MakeSpecial(TArch.MakeLeaf(frame, MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma)), 2));

    /// <summary>
    /// An access that only has to be noted, or a page to be reused. False: the leaf was split, or is the zero page and to be replaced.
    /// </summary>
    private bool TryHandleLeaf(in Fault fault, Pte expected, out bool needsHugePage, ref FaultResult result)
    {
        needsHugePage = false;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(fault.Root, fault.Address);
        if (guard.Value != expected)
            return true;
        bool write = fault.HasAny(FaultFlags.Write);
        if (!fault.HasAny(FaultFlags.Write | FaultFlags.Unshare) || TArch.IsWritable(expected))
        {
            guard.Set(TArch.MakeYoung(write ? TArch.MakeDirty(expected) : expected));
            return true;
        }

        bool watched = write && TArch.IsUffdWp(expected) && mm.IsWriteProtectWatched(fault.Vma);
        if (watched && !UserfaultRules<TArch, TModel>.IsAsynchronous(mm, fault.Vma))
        {
            result = UserfaultRules<TArch, TModel>.Ask(mm, fault.Vma, FaultResult.UserfaultWriteProtect);
            return true;
        }

        uint head = guard.Head;
        if (head == 0 && write && !watched)
        {
            needsHugePage = true;
            return false;
        }

        if (head != 0 && !watched && (mm.Frames.Has(head, FrameFlags.AnonExclusive) || CanReuse(head, fault.Vma)))
        {
            mm.Frames.Set(head, FrameFlags.AnonExclusive);
            if (write)
                guard.Set(Writable(TArch.MakeDirty(TArch.MakeYoung(expected)), fault.Vma));
            return true;
        }

        mm.Huge.Split(guard, fault.Vma); // so that only one base page is copied
        return false;
    }

    private Pte Writable(Pte leaf, uint vma) => (mm.Vmas.FlagsOf(vma) & VmaFlags.Write) != 0 ? TArch.MakeWritable(leaf) : leaf;

    /// <summary>The proof of sole use, as of a base page: after the swap cache let go, the leaf's is the only reference.</summary>
    private bool CanReuse(uint head, uint vma)
    {
        uint cache = mm.Frames.Has(head, FrameFlags.SwapCache) ? mm.Frames.PagesOf(head) : 0;
        if (mm.Frames.References(head) > 1 + cache || !mm.Frames.TryLock(head))
            return false;
        if (cache != 0)
            mm.Swap.TryFreeSlot(head);
        bool alone = mm.Frames.References(head) == 1;
        if (alone)
            mm.Rmap.MoveTo(head, vma);
        mm.Frames.Unlock(head);
        return alone;
    }

    /// <summary>A store to the huge zero page: a fresh huge page takes its place, or zero pages do when no block is free.</summary>
    private bool TryReplaceZero(in Fault fault, Pte expected)
    {
        uint head = mm.Vmas.TryPrepareAnonVma(fault.Vma) ? TryAllocateLarge(fault.Vma) : 0;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(fault.Root, fault.Address);
        if (guard.Value == expected && head != 0)
        {
            guard.Set(mm.Huge.Adopt(head, fault.Vma, guard.First));
            mm.Folios.Lru.Add(head);
            return true;
        }

        if (head != 0)
            mm.Folios.Put(head);
        else if (guard.Value == expected)
            mm.Huge.Split(guard, fault.Vma);
        return head != 0;
    }
}
