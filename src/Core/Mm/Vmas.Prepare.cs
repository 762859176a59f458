using PageTableEmu.Atomics;

namespace PageTableEmu.Mm;

/// <content>The first anonymous page of a VMA (the kernel's __anon_vma_prepare, reusable_anon_vma).</content>
public sealed partial class Vmas<TModel>
{
    /// <summary>Flags in which two neighbours may differ and still share an anon_vma: mprotect may make them equal again.</summary>
    private const VmaFlags PrepareIgnores = VmaFlags.Read | VmaFlags.Write | VmaFlags.Execute | Sticky;

    /// <summary>
    /// Makes sure that a VMA has an anon_vma: one that it can share with a neighbour, so that the two may merge later, else a new one. The
    /// mmap_lock is held for reading at least; of faults at the same time one does it.
    /// </summary>
    /// <returns>False when there are no records.</returns>
    public bool TryPrepareAnonVma(uint vma)
    {
        if (AnonVmaOf(vma) != 0)
            return true;
        if (!anons.TryReserve(1, out uint reserve))
            return false;
        uint anonVma = FindShareable(vma);
        bool isNew = anonVma == 0;
        if (isNew)
            anonVma = anons.TryCreateRoot();
        if (anonVma == 0)
        {
            anons.FreeReserve(reserve);
            return false;
        }

        bool won = LinkOnce(vma, anonVma, ref reserve);
        if (!won)
        {
            anons.FreeReserve(reserve);
            if (isNew)
                anons.Put(anonVma);
        }

        return true;
    }

    private bool LinkOnce(uint number, uint anonVma, ref uint reserve)
    {
        ref Vma vma = ref pool[number];
        ref ulong decision = ref Spaces[vma.AddressSpace].PageTableLock;
        Objects.Lock(vma.SharedObject);
        uint family = anons.LockRoot(anonVma);

        // The family's lock does not decide between two faults: each may have come with a family of its own. The address space's does.
        WordLock<TModel>.Acquire(ref decision);
        bool won = vma.AnonVma == 0;
        if (won)
        {
            Objects.Unlink(number); // it stands in the tree of its object by its age
            vma.Age = NextAge();
            Objects.Link(number);
            anons.Append(number, anonVma, ref reserve);
            anons.Activate(number, anonVma);
        }

        WordLock<TModel>.Release(ref decision);
        anons.UnlockRoot(family);
        Objects.Unlock(vma.SharedObject);
        return won;
    }

    /// <summary>The anon_vma of the next VMA, else of the previous one, if the two would be one VMA but for their access rights.</summary>
    private uint FindShareable(uint vma)
    {
        uint next = Next(vma);
        if (next != 0 && WouldContinue(vma, next))
        {
            uint found = SingleAnonVma(next);
            if (found != 0)
                return found;
        }

        uint previous = Previous(vma);
        return previous != 0 && WouldContinue(previous, vma) ? SingleAnonVma(previous) : 0;
    }

    private bool WouldContinue(uint low, uint high)
    {
        ref Vma one = ref pool[low];
        ref Vma two = ref pool[high];
        return one.End == two.Start
            && one.SharedObject == two.SharedObject
            && ((one.Flags ^ two.Flags) & ~PrepareIgnores) == 0
            && two.PageOffset == one.PageOffset + ((two.Start - one.Start) >> image.PageShift);
    }

    /// <summary>A neighbour's anon_vma, unless it has inherited others. It stays while the mmap_lock keeps the neighbour's VMA.</summary>
    private uint SingleAnonVma(uint vma)
    {
        uint anonVma = AnonVmaOf(vma);
        return anonVma != 0 && pool[vma].ChainLength == 1 ? anonVma : 0;
    }
}
