using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>Birth, fork and death of address spaces (kernel/fork.c dup_mmap, mm/mmap.c exit_mmap).</summary>
/// <remarks>
/// An address space is kept by users: its process, and swapoff while it works in it. The last user to let go tears it down.
/// </remarks>
public sealed class ProcessLife<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly ForkCopier<TArch, TModel> copier;
    private readonly Zapper<TArch, TModel> zapper;

    /// <summary>Makes the operations of a machine.</summary>
    public ProcessLife(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        copier = new ForkCopier<TArch, TModel>(mm);
        zapper = new Zapper<TArch, TModel>(mm);
    }

    /// <summary>Makes an empty address space with one user; 0 when records or frames run out.</summary>
    public uint TryCreate()
    {
        uint space = mm.Spaces.TryCreate();
        if (space == 0)
            return 0;
        uint root = mm.Tables.TryCreateRoot(space);
        if (root == 0)
        {
            mm.Spaces.Destroy(space);
            return 0;
        }

        mm.Spaces[space].Root = root;
        Atomic<TModel>.Store(ref mm.Spaces[space].Users, 1);
        return space;
    }

    /// <summary>Makes a copy of an address space, sharing all pages copy-on-write; 0 when anything runs out (nothing is left behind).</summary>
    public uint TryFork(uint parent)
    {
        uint child = TryCreate();
        if (child == 0)
            return 0;
        try
        {
            mm.Spaces.InheritGroup(child, parent);
            if (TryCopy(parent, child))
                return child;
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }

        Put(child);
        return 0;
    }

    /// <summary>
    /// Makes the caller a user of an address space, unless it is being torn down or the number stands for another one by now. To be ended
    /// by <see cref="Put"/>.
    /// </summary>
    public bool TryGet(uint space, ulong generation)
    {
        if (!mm.Spaces.TryAddUser(space))
            return false;
        if (Atomic<TModel>.Load(ref mm.Spaces[space].Generation) == generation)
            return true;
        Put(space);
        return false;
    }

    /// <summary>Drops one user; the last one tears the address space down.</summary>
    public void Put(uint space)
    {
        if (Atomic<TModel>.Add(ref mm.Spaces[space].Users, -1) != 0)
            return;
        try
        {
            TearDown(space);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private bool TryCopy(uint parent, uint child)
    {
        using MmapHold<TModel> first = mm.Spaces.HoldWrite(parent);
        using MmapHold<TModel> second = mm.Spaces.HoldWrite(child);
        ref AddressSpace source = ref mm.Spaces[parent];
        Atomic<TModel>.Add(ref source.WriteProtectSequence, 1); // odd: lock-free pins must not trust what they read now
        try
        {
            mm.Spaces[child].MergesAll = source.MergesAll;
            return (source.KsmSlot == 0 || mm.Ksm.TryEnter(child)) && TryCopyVmas(parent, child);
        }
        finally
        {
            Atomic<TModel>.Add(ref source.WriteProtectSequence, 1);
        }
    }

    private void TearDown(uint space)
    {
        mm.Ksm.Exit(space);
        using (mm.Spaces.HoldWrite(space))
            Empty(space);
        mm.Spaces.RemoveFromMmList(space);
        mm.Spaces.Destroy(space);
    }

    private void Empty(uint space)
    {
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.Next(vma))
            zapper.Zap(vma, mm.Vmas[vma].Start, mm.Vmas[vma].End, dropMarkers: true);
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, 0); vma != 0; vma = mm.Vmas.FindFirstEndingAbove(space, 0))
            mm.SharedCache.Put(mm.Vmas.Remove(vma));
        uint root = mm.Spaces[space].Root;
        mm.Tables.FreeTables(root, 0, TArch.UserSpaceEnd, 0, ulong.MaxValue, ref mm.Spaces[space].FastWalkers);
        mm.Tables.FreeRoot(root);
        mm.Tags.OnSpaceExit(space);
    }

    private bool TryCopyVmas(uint parent, uint child)
    {
        for (uint vma = mm.Vmas.FindFirstEndingAbove(parent, 0); vma != 0; vma = mm.Vmas.Next(vma))
        {
            VmaFlags flags = mm.Vmas.FlagsOf(vma);
            if ((flags & VmaFlags.DontFork) == 0 && !TryCopyVma(vma, flags, child))
                return false;
        }

        return true;
    }

    private bool TryCopyVma(uint vma, VmaFlags flags, uint child)
    {
        uint clone = mm.Vmas.TryClone(vma, child);
        if (clone == 0)
            return false;
        if ((flags & VmaFlags.WipeOnFork) != 0)
            return true;
        if (!mm.Vmas.TryForkAnonVma(clone, vma))
            return false;

        // A VMA that never had an anonymous page shows at most the zero page: the child faults that in again by itself.
        bool worthCopying = mm.Vmas.AnonVmaOf(vma) != 0 || (flags & VmaFlags.Guard) != 0;
        return !worthCopying || copier.TryCopy(vma, clone);
    }
}
