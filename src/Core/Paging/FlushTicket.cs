using PageTableEmu.Atomics;

namespace PageTableEmu.Paging;

/// <summary>
/// An obligation: present entries were taken away or restricted, and translations of them may still be cached. It must end in exactly one
/// of <see cref="Flush"/> and <see cref="Ignore"/>; checked models count the tickets of each thread (<see cref="FlushTickets{TModel}"/>).
/// The default value owes nothing.
/// </summary>
/// <remarks>
/// The order that the ticket is there for: the entry changes, then the flush, and only then may the frame be used for something else, its
/// content written out, or a restricted page be trusted to stay unchanged. A software TLB obeys by comparing generations.
/// </remarks>
/// <seealso cref="PageTable{TArch, TModel}"/>
public readonly ref struct FlushTicket<TModel>
    where TModel : IModel
{
    private readonly ref ulong generation;

    internal FlushTicket(ref ulong generation, uint root, ulong start, ulong last)
    {
        this.generation = ref generation;
        Root = root;
        Start = start;
        Last = last;
        Generation = Atomic<TModel>.Load(ref generation);
        IsOwed = true;
        if (TModel.Checked)
            FlushTickets<TModel>.Issued();
    }

    /// <summary>Whether there is anything to flush.</summary>
    public bool IsOwed { get; }

    /// <summary>Root table of the tree that was changed.</summary>
    public uint Root { get; }

    /// <summary>First address whose translation may be stale.</summary>
    public ulong Start { get; }

    /// <summary>Last address whose translation may be stale.</summary>
    public ulong Last { get; }

    /// <summary>Generation of the tree when the ticket was issued: translations cached under it or before may be stale.</summary>
    public ulong Generation { get; }

    /// <summary>Makes every translation of the tree that was cached before invalid, in all threads and processes.</summary>
    public void Flush()
    {
        if (!IsOwed)
            return;
        Atomic<TModel>.Add(ref generation, 1);
        FlushTickets<TModel>.Settled();
    }

    /// <summary>Ends the obligation without a flush: nobody caches translations, or the caller flushes more at once later.</summary>
    public void Ignore()
    {
        if (TModel.Checked && IsOwed)
            FlushTickets<TModel>.Settled();
    }
}
