namespace PageTableEmu.Mm;

/// <content>Splitting, and changing the properties of a range (the kernel's split_vma and vma_modify).</content>
public sealed partial class Vmas<TModel>
{
    /// <summary>Cuts a VMA in two: it keeps the low part. Returns the high part, a new VMA with the same links.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The address is not a page boundary inside the VMA.</exception>
    public uint TrySplit(uint vma, ulong at)
    {
        ref Vma record = ref pool[vma];
        if (at <= record.Start || at >= record.End || (at & ((ulong)image.PageSize - 1)) != 0)
            throw new ArgumentOutOfRangeException(nameof(at), at, $"Not a page boundary inside {record.Start:x}..{record.End:x}.");
        if (!TryReservePart(vma, out uint part, out uint reserve))
            return 0;
        BeforeBoundary(vma, at);
        Split(vma, at, part, reserve);
        return part;
    }

    /// <summary>
    /// Gives [start, end) of a VMA other flags or another uffd context (vma_modify): merges it into a neighbour that now fits, else splits
    /// the VMA where needed. Returns the VMA that covers the range afterwards; <paramref name="vma"/> may be gone or may be a part beside it.
    /// </summary>
    /// <param name="vma">The VMA.</param>
    /// <param name="start">First byte address of the range.</param>
    /// <param name="end">First byte address behind the range.</param>
    /// <param name="flags">All flags it shall have. Sticky ones that it has stay.</param>
    /// <param name="uffd">The uffd context it shall have, 0 for none.</param>
    /// <exception cref="ArgumentException">The range is empty, unaligned or not inside the VMA.</exception>
    public uint TryModify(uint vma, ulong start, ulong end, VmaFlags flags, uint uffd)
    {
        CheckRange(start, end);
        ref Vma record = ref pool[vma];
        if (start < record.Start || end > record.End)
            throw new ArgumentException($"The range {start:x}..{end:x} is not inside {record.Start:x}..{record.End:x}.", nameof(start));
        var proposal = new VmaProposal
        {
            Start = start,
            End = end,
            PageOffset = LinearIndex(vma, start),
            Flags = flags | (record.Flags & Sticky),
            SharedObject = record.SharedObject,
            Uffd = uffd,
            AnonVma = record.AnonVma,
            ChainLength = record.ChainLength,
        };
        BeforeBoundary(vma, start);
        if (end < record.End)
            BeforeBoundary(vma, end);
        uint previous = start == record.Start ? Previous(vma) : 0;
        uint next = end == record.End ? Next(vma) : 0;
        Choose(in proposal, ref previous, ref next, differingAnonVmas: true);
        return previous != 0 || next != 0
            ? Extend(in proposal, previous, next, source: vma, consumed: vma)
            : TrySplitOff(vma, in proposal);
    }

    /// <summary>Cuts a range out of a VMA, gives it its new properties; returns its VMA.</summary>
    private uint TrySplitOff(uint vma, in VmaProposal proposal)
    {
        bool below = pool[vma].Start < proposal.Start;
        bool above = proposal.End < pool[vma].End;
        uint middle = 0, high = 0, middleReserve = 0, highReserve = 0;

        // Both parts are set aside before the first cut, so that running out of records leaves the VMA whole.
        if (below && !TryReservePart(vma, out middle, out middleReserve))
            return 0;
        if (above && !TryReservePart(vma, out high, out highReserve))
        {
            if (below)
            {
                anons.FreeReserve(middleReserve);
                pool.Free(middle);
            }

            return 0;
        }

        if (below)
        {
            Split(vma, proposal.Start, middle, middleReserve);
            vma = middle;
        }

        if (above)
            Split(vma, proposal.End, high, highReserve);
        SetFlags(vma, proposal.Flags);
        pool[vma].Uffd = proposal.Uffd;
        return vma;
    }

    private bool TryReservePart(uint vma, out uint part, out uint reserve)
    {
        reserve = 0;
        part = pool.TryAllocate();
        if (part == 0)
            return false;
        if (anons.TryReserve(pool[vma].ChainLength, out reserve))
            return true;
        pool.Free(part);
        part = 0;
        return false;
    }

    private void Split(uint vma, ulong at, uint part, uint reserve)
    {
        ref Vma record = ref pool[vma];
        var high = new VmaProposal
        {
            Start = at,
            End = record.End,
            PageOffset = LinearIndex(vma, at),
            Flags = record.Flags,
            SharedObject = record.SharedObject,
            Uffd = record.Uffd,
        };
        Objects.Lock(record.SharedObject);
        uint family = LockFamily(vma, 0, 0);
        Reshape(vma, record.Start, at);
        Insert(record.AddressSpace, part, in high);
        pool[part].SwapReadahead = record.SwapReadahead;
        if (record.AnonVma != 0)
        {
            anons.CloneLinks(part, vma, ref reserve);
            anons.Activate(part, record.AnonVma);
        }

        anons.UnlockRoot(family);
        Objects.Unlock(record.SharedObject);
    }
}
