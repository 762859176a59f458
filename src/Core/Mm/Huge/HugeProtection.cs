using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>Gives huge leaves the protection of their VMA, or userfaultfd write-protection (mm/huge_memory.c change_huge_pmd).</summary>
internal sealed class HugeProtection<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly HugeMigrations<TArch, TModel> migrations;

    internal HugeProtection(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        migrations = new HugeMigrations<TArch, TModel>(mm);
    }

    /// <summary>Changes the huge leaf of an address if the range covers it, splits it otherwise. Whether the range below it is done with.</summary>
    internal bool TryChange(uint vma, ulong start, ulong end, Protection protection, UffdWpChange uffd)
    {
        uint root = mm.Spaces[mm.Vmas[vma].AddressSpace].Root;
        if (!mm.Huge.IsMapped(root, start))
            return false;
        using HugeGuard<TArch, TModel> guard = mm.Huge.Lock(root, start);
        bool moving = guard.IsMigration;
        if (!guard.IsLeaf && !moving)
            return false;
        if (!HugePages<TArch, TModel>.IsWhole(start, start, end))
        {
            if (moving)
                migrations.Split(guard, vma);
            else
                mm.Huge.Split(guard, vma);
            return false;
        }

        if (moving)
        {
            migrations.Change(guard, uffd);
            return true;
        }

        Pte leaf = TArch.Modify(guard.Value, protection, 2);
        if (uffd == UffdWpChange.Protect)
            leaf = TArch.MakeUffdWp(leaf);
        else if (uffd == UffdWpChange.Resolve)
            leaf = TArch.ClearUffdWp(leaf);
        if (uffd != UffdWpChange.Protect && !TArch.IsWritable(leaf) && CanMakeWritable(vma, leaf))
            leaf = TArch.MakeWritable(leaf);
        mm.Tags.BeforePublish(leaf, 2); // tags may be checked from now on
        guard.Set(leaf);
        return true;
    }

    /// <summary>can_change_pmd_writable: an exclusive page needs no write fault.</summary>
    private bool CanMakeWritable(uint vma, Pte leaf)
    {
        if ((mm.Vmas.FlagsOf(vma) & VmaFlags.Write) == 0 || TArch.IsProtNone(leaf))
            return false;
        if ((TArch.IsUffdWp(leaf) && mm.IsWriteProtectWatched(vma))
            || MmContext<TArch, TModel>.NeedsSoftDirtyFault(mm.Vmas.FlagsOf(vma), leaf))
            return false;
        uint head = HugePages<TArch, TModel>.HeadOf(leaf);
        return head != 0 && mm.Frames.Has(head, FrameFlags.Anon | FrameFlags.AnonExclusive);
    }
}
