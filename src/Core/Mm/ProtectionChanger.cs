using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Leaves;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Gives the present entries of a range the protection of their VMA (mm/mprotect.c change_pte_range).</summary>
/// <remarks>The caller holds the mmap_lock for writing. Swap entries keep all they remember.</remarks>
public sealed class ProtectionChanger<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;

    /// <summary>Makes the operation of a machine.</summary>
    public ProtectionChanger(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
    }

    /// <summary>Rewrites the entries of [start, end), which lies inside the VMA and has its new flags already.</summary>
    public void Change(uint vma, ulong start, ulong end)
    {
        ulong page = 1UL << TArch.PageShift;
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        Protection protection = MmContext<TArch, TModel>.ProtectionOf(mm.Vmas.FlagsOf(vma));
        for (ulong address = start; address < end;)
        {
            using TableGuard<TArch, TModel> guard = mm.Leaves.Lock(root, address);
            ulong stop = Math.Min(end, Zapper<TArch, TModel>.TableEnd(address));
            if (guard.Table == 0)
                address = stop;
            for (; address < stop; address += page)
            {
                Leaf<TArch, TModel> leaf = guard[address];
                Pte old = leaf.Value;
                if (!TArch.IsNone(old, 1) && TArch.IsPresent(old, 1))
                    leaf.SetPresent(Rewrite(vma, old, protection));
            }
        }
    }

    private Pte Rewrite(uint vma, Pte old, Protection protection)
    {
        Pte entry = TArch.Modify(old, protection, 1);
        return !TArch.IsWritable(entry) && CanMakeWritable(vma, entry) ? TArch.MakeWritable(entry) : entry;
    }

    /// <summary>
    /// An exclusive page of a writable private VMA needs no write fault (can_change_private_pte_writable); whether it is dirty does not matter.
    /// </summary>
    private bool CanMakeWritable(uint vma, Pte entry)
    {
        if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Write) == 0 || TArch.IsProtNone(entry))
            return false;
        if (TArch.IsUffdWp(entry) && mm.Vmas[vma].Uffd != 0)
            return false;
        uint frame = MmContext<TArch, TModel>.NormalFrame(entry);
        return frame != 0 && mm.Frames.Has(frame, FrameFlags.Anon | FrameFlags.AnonExclusive);
    }
}
