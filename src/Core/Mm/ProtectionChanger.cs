using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Gives the entries of a range the protection of their VMA, or userfaultfd write-protection (mm/mprotect.c change_pte_range).</summary>
/// <remarks>
/// The caller holds the mmap_lock: for writing when the VMA's flags changed, for reading when only write-protection does. Swap entries keep
/// all they remember; only their write-protect mark changes.
/// </remarks>
public sealed class ProtectionChanger<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly HugeProtection<TArch, TModel> huge;

    /// <summary>Makes the operation of a machine.</summary>
    public ProtectionChanger(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        huge = new HugeProtection<TArch, TModel>(mm);
    }

    /// <summary>Rewrites the entries of [start, end), which lies inside the VMA and has its new flags already.</summary>
    /// <returns>False when a table for markers could not be had.</returns>
    public bool TryChange(uint vma, ulong start, ulong end, UffdWpChange uffd = UffdWpChange.None)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        Protection protection = mm.ProtectionOf(vma);
        for (ulong address = start; address < end;)
        {
            bool marks = uffd == UffdWpChange.Protect && UserfaultRules<TArch, TModel>.UsesMarkers(mm, vma);
            if (huge.TryChange(vma, address, Math.Min(end, Zapper<TArch, TModel>.TableEnd(address)), protection, uffd))
            {
                address = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
                continue;
            }

            using TableGuard<TArch, TModel> guard = marks ? mm.Leaves.LockOrCreate(root, address) : mm.Leaves.Lock(root, address);
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            if (guard.Table == 0)
            {
                if (marks && mm.Huge.IsMapped(root, address))
                    continue; // a fault put a huge leaf there since we looked
                if (marks)
                    return false;
                address = stop;
            }

            for (; address < stop; address += 1UL << TArch.PageShift)
                ChangeEntry(vma, guard[address], protection, uffd, marks);
        }

        return true;
    }

    private void ChangeEntry(uint vma, Leaf<TArch, TModel> leaf, Protection protection, UffdWpChange uffd, bool marks)
    {
        Pte old = leaf.Value;
        if (TArch.IsNone(old, 1))
        {
            if (marks)
                mm.Leaves.Mark(leaf, SoftLeaf.OfMarker(PteMarkers.UffdWp).Encode<TArch>(mm.SwapTypes));
        }
        else if (TArch.IsPresent(old, 1))
        {
            mm.Leaves.Publish(leaf, Rewrite(vma, old, protection, uffd)); // tags may be checked from now on
        }
        else
        {
            ChangeSoftLeaf(vma, leaf, old, uffd);
        }
    }

    private Pte Rewrite(uint vma, Pte old, Protection protection, UffdWpChange uffd)
    {
        Pte entry = TArch.Modify(old, protection, 1);
        if (uffd == UffdWpChange.Protect)
            return TArch.MakeUffdWp(entry);
        if (uffd == UffdWpChange.Resolve)
            entry = TArch.ClearUffdWp(entry);
        return !TArch.IsWritable(entry) && CanMakeWritable(vma, entry) ? TArch.MakeWritable(entry) : entry;
    }

    private void ChangeSoftLeaf(uint vma, Leaf<TArch, TModel> leaf, Pte old, UffdWpChange uffd)
    {
        SoftLeaf soft = mm.Decode(old);
        if (soft.IsMigration)
        {
            SoftLeaf weaker = MigrationEntry<TArch>.WithoutWrite(soft, anonymous: mm.Vmas[vma].SharedObject == 0);
            if (uffd != UffdWpChange.None)
                weaker = MigrationEntry<TArch>.WithUffdWp(weaker, uffd == UffdWpChange.Protect);
            mm.Leaves.AmendMigration(leaf, weaker, mm.SwapTypes);
            return;
        }

        if (uffd == UffdWpChange.None)
            return;
        if (soft.Kind == SoftLeafKind.Marker)
        {
            if (uffd == UffdWpChange.Resolve && soft.Markers == PteMarkers.UffdWp)
                mm.Leaves.Mark(leaf, default); // guard and poison stay what they are
            return;
        }

        mm.Leaves.Amend(leaf, uffd == UffdWpChange.Protect ? TArch.MakeSwapUffdWp(old) : TArch.ClearSwapUffdWp(old));
    }

    /// <summary>
    /// An exclusive page of a writable private VMA needs no write fault (can_change_private_pte_writable); whether it is dirty does not matter.
    /// A page of a watched shared VMA always needs one: Linux asks whether the VMA's rights lack write access because it is watched by comparing them
    /// with the rights that it would have otherwise, and the answer of that comparison is no (vma_wants_writenotify).
    /// </summary>
    private bool CanMakeWritable(uint vma, Pte entry)
    {
        if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Write) == 0 || TArch.IsProtNone(entry))
            return false;
        if ((TArch.IsUffdWp(entry) && mm.IsWriteProtectWatched(vma))
            || MmContext<TArch, TModel>.NeedsSoftDirtyFault(mm.Vmas.FlagsOf(vma), entry))
            return false;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        return frame != 0 && mm.Frames.Has(frame, FrameFlags.Anon | FrameFlags.AnonExclusive);
    }
}
