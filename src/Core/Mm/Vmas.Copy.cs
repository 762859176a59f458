namespace PageTableEmu.Mm;

/// <content>VMAs that continue others elsewhere: in a forked child, and at the destination of a move (dup_mmap, anon_vma_fork, copy_vma).</content>
public sealed partial class Vmas<TModel>
{
    /// <summary>What makes pages stay in memory (VM_LOCKED_MASK).</summary>
    internal const VmaFlags LockFlags = VmaFlags.Locked | VmaFlags.LockOnFault;

    internal const VmaFlags UffdFlags = VmaFlags.UffdMissing | VmaFlags.UffdWriteProtect | VmaFlags.UffdMinor;

    /// <summary>
    /// A VMA's copy in a forked child: same range, object and flags, but not locked, not registered with a uffd and without anon_vma, which
    /// <see cref="TryForkAnonVma"/> adds (unless the VMA is wiped on fork). Both mmap_locks are held for writing.
    /// </summary>
    public uint TryClone(uint vma, uint mm)
    {
        ref Vma record = ref pool[vma];
        var proposal = new VmaProposal
        {
            Start = record.Start,
            End = record.End,
            PageOffset = record.PageOffset,
            Flags = record.Flags & ~(LockFlags | UffdFlags),
            SharedObject = record.SharedObject,
            Uffd = 0,
        };
        uint clone = TryInsert(mm, in proposal);
        if (clone != 0)
            pool[clone].SwapReadahead = record.SwapReadahead;
        return clone;
    }

    /// <summary>
    /// Lets a child's VMA share the parent's pages (anon_vma_fork): it is linked to all that the parent's is linked to, and gets an anon_vma
    /// of its own below the parent's for its new pages, or takes one over that no VMA uses any more. Both mmap_locks are held for writing.
    /// </summary>
    /// <returns>False when there are no records; the child's VMA then has no link.</returns>
    /// <exception cref="ArgumentException">The child's VMA has an anon_vma already.</exception>
    public bool TryForkAnonVma(uint child, uint parent)
    {
        ref Vma from = ref pool[parent];
        ref Vma to = ref pool[child];
        if (to.AnonVma != 0)
            throw new ArgumentException($"VMA {child} already has anon_vma {to.AnonVma}.", nameof(child));
        if (from.AnonVma == 0)
            return true;
        Objects.Lock(to.SharedObject);
        uint family = LockFamily(parent, 0, 0);
        bool done = TryForkLocked(child, ref to, parent, ref from);
        anons.UnlockRoot(family);
        Objects.Unlock(to.SharedObject);
        return done;
    }

    /// <summary>
    /// The VMA for pages that move within their address space (copy_vma): at [destination, destination + length), continuing
    /// [start, start + length) of <paramref name="vma"/>, with its flags but without uffd. It is new, or a neighbour at the destination
    /// that was extended. The source keeps its range; but it may itself be the neighbour, or have been absorbed by the other one:
    /// look it up again by address. Nothing is mapped at the destination.
    /// </summary>
    /// <param name="vma">The VMA that pages move out of.</param>
    /// <param name="start">First byte address that moves.</param>
    /// <param name="length">Bytes that move.</param>
    /// <param name="destination">First byte address they move to.</param>
    /// <param name="pageOffset">Linear page index at the destination: that of <paramref name="start"/>, or for private memory without anon_vma,
    /// where no page depends on it, the destination in pages.</param>
    /// <exception cref="ArgumentException">A range is unaligned or empty, the source not inside the VMA, or the destination not free.</exception>
    public uint TryCopyForMove(uint vma, ulong start, ulong length, ulong destination, ulong pageOffset)
    {
        CheckRange(start, start + length);
        CheckRange(destination, destination + length);
        ref Vma record = ref pool[vma];
        if (start < record.Start || start + length > record.End)
            throw new ArgumentException($"{start:x} + {length:x} is not inside {record.Start:x}..{record.End:x}.", nameof(start));
        uint mm = record.AddressSpace;
        if (Overlaps(mm, destination, destination + length))
            throw new ArgumentException($"Something is mapped in {destination:x} + {length:x}.", nameof(destination));
        var proposal = new VmaProposal
        {
            Start = destination,
            End = destination + length,
            PageOffset = pageOffset,
            Flags = record.Flags,
            SharedObject = record.SharedObject,
            Uffd = record.Uffd,
            AnonVma = record.AnonVma,
            ChainLength = record.ChainLength,
        };
        (uint previous, uint next) = Neighbours(mm, proposal.Start, proposal.End);
        Choose(in proposal, ref previous, ref next, differingAnonVmas: false);
        uint moved = previous != 0 || next != 0
            ? Extend(in proposal, previous, next, source: vma, consumed: 0)
            : TryInsertLinked(mm, in proposal, vma);
        if (moved == 0)
            return 0;
        pool[moved].Uffd = 0; // the registration is not moved along (userfaultfd without the remap event)
        SetFlags(moved, pool[moved].Flags & ~UffdFlags);
        return moved;
    }

    private uint TryInsertLinked(uint mm, in VmaProposal proposal, uint source)
    {
        if (!TryReservePart(source, out uint number, out uint reserve))
            return 0;
        Objects.Lock(proposal.SharedObject);
        uint family = LockFamily(source, 0, 0);
        Insert(mm, number, in proposal);
        if (proposal.AnonVma != 0)
        {
            anons.CloneLinks(number, source, ref reserve);
            anons.Activate(number, proposal.AnonVma);
        }

        anons.UnlockRoot(family);
        Objects.Unlock(proposal.SharedObject);
        return number;
    }

    private bool TryForkLocked(uint child, ref Vma to, uint parent, ref Vma from)
    {
        uint taken = FindDeserted(parent);
        if (!anons.TryReserve(from.ChainLength + (taken == 0 ? 1u : 0u), out uint reserve))
            return false;
        uint own = taken != 0 ? taken : anons.TryCreateChild(from.AnonVma);
        if (own == 0)
        {
            anons.FreeReserve(reserve);
            return false;
        }

        Objects.Unlink(child); // it stands in the tree of its object by its age
        to.Age = NextAge();
        Objects.Link(child);
        anons.CloneLinks(child, parent, ref reserve);
        if (taken == 0)
            anons.Append(child, own, ref reserve);
        anons.Activate(child, own);
        return true;
    }

    /// <summary>
    /// The oldest anon_vma of a chain that no VMA puts new pages under and that has at most one child: the next child may take it over, so
    /// that a program that forks and exits in turn does not grow its chain for ever. Never a root, which counts itself as a child.
    /// </summary>
    private uint FindDeserted(uint parent)
    {
        for (uint link = pool[parent].Chain; link != 0; link = anons.Links[link].Next)
        {
            ref AnonVma anonVma = ref anons.Pool[anons.Links[link].AnonVma];
            if (anonVma.ActiveVmas == 0 && anonVma.Children < 2)
                return anons.Links[link].AnonVma;
        }

        return 0;
    }
}
