namespace PageTableEmu.Mm;

/// <content>
/// When a range may become part of the VMA beside it, and what then happens (the kernel's can_vma_merge_before/after,
/// is_mergeable_anon_vma, dup_anon_vma and vma_complete).
/// </content>
public sealed partial class Vmas<TModel>
{
    /// <summary>Flags that do not keep two VMAs apart, and that the merged one has when any part had them.</summary>
    private const VmaFlags Sticky = VmaFlags.Guard | VmaFlags.SoftDirty;

    /// <summary>Keeps of the two neighbours those into which the proposal merges; sets the others to 0.</summary>
    /// <param name="proposal">The range between them.</param>
    /// <param name="previous">The VMA that ends where it starts, 0 for none.</param>
    /// <param name="next">The VMA that starts where it ends, 0 for none.</param>
    /// <param name="differingAnonVmas">Whether all three may become one when exactly one of the neighbours has an anon_vma.</param>
    private void Choose(in VmaProposal proposal, ref uint previous, ref uint next, bool differingAnonVmas)
    {
        if (previous != 0 && !ContinuesFrom(previous, in proposal))
            previous = 0;
        if (next != 0 && !LeadsTo(next, in proposal))
            next = 0;
        if (previous == 0 || next == 0)
            return;
        uint before = pool[previous].AnonVma;
        uint behind = pool[next].AnonVma;

        // Each may fit the range between and still not fit the other; then the lower one wins.
        if (before != behind && (!differingAnonVmas || (before != 0 && behind != 0)))
            next = 0;
    }

    private bool ContinuesFrom(uint previous, in VmaProposal proposal)
    {
        ref Vma vma = ref pool[previous];
        ulong pages = (vma.End - vma.Start) >> image.PageShift;
        return vma.End == proposal.Start && vma.PageOffset + pages == proposal.PageOffset && SameKind(in vma, in proposal);
    }

    private bool LeadsTo(uint next, in VmaProposal proposal)
    {
        ref Vma vma = ref pool[next];
        ulong pages = (proposal.End - proposal.Start) >> image.PageShift;
        return vma.Start == proposal.End && vma.PageOffset == proposal.PageOffset + pages && SameKind(in vma, in proposal);
    }

    private static bool SameKind(in Vma vma, in VmaProposal proposal) =>
        ((vma.Flags ^ proposal.Flags) & ~Sticky) == 0
        && vma.SharedObject == proposal.SharedObject
        && vma.Uffd == proposal.Uffd
        && AnonVmasFit(in vma, in proposal);

    /// <summary>
    /// Equal anon_vmas fit. If one side has none, the other must have a single link: a VMA whose pages may belong to inherited anon_vmas
    /// stays apart, so that long chains do not spread.
    /// </summary>
    private static bool AnonVmasFit(in Vma vma, in VmaProposal proposal)
    {
        if (vma.AnonVma == 0 && proposal.AnonVma != 0)
            return proposal.ChainLength <= 1;
        if (vma.AnonVma != 0 && proposal.AnonVma == 0)
            return vma.ChainLength <= 1;
        return vma.AnonVma == proposal.AnonVma;
    }

    /// <summary>
    /// Merges a proposal into the neighbours that <see cref="Choose"/> kept; the lower one survives. Returns the survivor, 0 when there are
    /// no links for it.
    /// </summary>
    /// <param name="proposal">The range.</param>
    /// <param name="previous">The lower neighbour, or 0.</param>
    /// <param name="next">The upper neighbour, or 0; it vanishes when both are given.</param>
    /// <param name="source">The VMA that the range comes from, 0 for a new mapping.</param>
    /// <param name="consumed">The source, when the range is taken away from it; 0 when the source stays as it is.</param>
    private uint Extend(in VmaProposal proposal, uint previous, uint next, uint source, uint consumed)
    {
        uint target = previous != 0 ? previous : next;
        uint absorbed = previous != 0 ? next : 0;
        uint donor = FirstWithAnonVma(consumed == 0 ? source : absorbed, consumed == 0 ? absorbed : source);
        uint needed = pool[target].AnonVma == 0 && donor != 0 ? pool[donor].ChainLength : 0;
        if (!anons.TryReserve(needed, out uint reserve))
            return 0;

        ulong start = previous != 0 ? pool[previous].Start : proposal.Start;
        ulong end = next != 0 ? pool[next].End : proposal.End;
        VmaFlags sticky = (proposal.Flags | FlagsOrNone(source) | FlagsOrNone(absorbed)) & Sticky;
        Objects.Lock(proposal.SharedObject);
        uint family = LockFamily(target, donor, 0);
        bool whole = consumed != 0 && pool[consumed].Start == proposal.Start && pool[consumed].End == proposal.End;
        if (consumed != 0 && !whole)
            TakeAway(consumed, in proposal);
        Reshape(target, start, end);
        if (needed != 0)
        {
            anons.CloneLinks(target, donor, ref reserve);
            anons.Activate(target, pool[donor].AnonVma);
        }

        SetFlags(target, pool[target].Flags | sticky);
        uint emptiedBySource = whole ? Detach(consumed) : 0;
        uint emptiedByNext = absorbed != 0 ? Detach(absorbed) : 0;
        anons.UnlockRoot(family);
        Objects.Unlock(proposal.SharedObject);

        anons.Release(emptiedBySource);
        anons.Release(emptiedByNext);
        if (whole)
            Discard(consumed);
        if (absorbed != 0)
            Discard(absorbed);
        return target;
    }

    /// <summary>Takes a VMA that merged into another out of the reverse maps; see <see cref="AnonVmas{TModel}.Detach"/>.</summary>
    private uint Detach(uint vma)
    {
        Objects.Unlink(vma);
        Objects.RemoveMergedVma(pool[vma].SharedObject);
        return anons.Detach(vma);
    }

    private uint FirstWithAnonVma(uint one, uint two)
    {
        if (one != 0 && pool[one].AnonVma != 0)
            return one;
        return two != 0 && pool[two].AnonVma != 0 ? two : 0;
    }

    private VmaFlags FlagsOrNone(uint vma) => vma == 0 ? VmaFlags.None : pool[vma].Flags;

    /// <summary>Shortens a VMA by a range at its start or end. Under the family's lock.</summary>
    private void TakeAway(uint number, in VmaProposal proposal)
    {
        if (pool[number].Start == proposal.Start)
            Reshape(number, proposal.End, pool[number].End);
        else
            Reshape(number, pool[number].Start, proposal.Start);
    }

    /// <summary>
    /// Gives a VMA other bounds around the same pages, at the end of its equals in the interval trees. Under the family's lock: a walker
    /// must never see a start without its page offset, nor a tree whose keys have changed.
    /// </summary>
    private void Reshape(uint number, ulong start, ulong end)
    {
        ref Vma vma = ref pool[number];
        anons.RemoveFromTrees(number);
        Objects.Unlink(number);
        vma.PageOffset = unchecked(vma.PageOffset + (ulong)((long)(start - vma.Start) >> image.PageShift));
        vma.Start = start;
        vma.End = end;
        vma.Age = NextAge();
        anons.InsertIntoTrees(number);
        Objects.Link(number);
    }
}
