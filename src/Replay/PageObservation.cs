namespace PageTableEmu.Replay;

/// <summary>One page-table entry that holds something, as the machine sees it: keys, not yet the identities of a trace.</summary>
public readonly record struct PageObservation
{
    /// <summary>A byte that cannot be known: of a marker, or of a slot to which nothing was written yet.</summary>
    public const short Unknown = -1;

    /// <summary>Region, 0 (A) to 7 (H).</summary>
    public byte Region { get; init; }

    /// <summary>Page inside the region.</summary>
    public int Page { get; init; }

    /// <summary>What the entry holds.</summary>
    public PageKind Kind { get; init; }

    /// <summary>
    /// Identity: the frame number of a present page; the slot of a swapped one (area and offset); of a marker its bits as they are
    /// (1 uffd-wp, 2 poison, 4 guard).
    /// </summary>
    /// <remarks>
    /// Two observations with the same key are taken for the same frame or slot if the key was visible (or, for a frame, in the swap cache)
    /// in every observation between them. A slot or frame freed and issued again within one operation therefore keeps its identity,
    /// as it does when a kernel is observed. A machine that issues numbers again sooner or later than the kernel does can say so by
    /// putting a generation into the key.
    /// </remarks>
    public ulong Key { get; init; }

    /// <summary>
    /// First byte: of the memory of a present page; of a swapped page what a swap-in would read from the device (0 for an all-zero
    /// page, which is never written); <see cref="Unknown"/> where there is none.
    /// </summary>
    public short FirstByte { get; init; }

    /// <summary>Last byte, in the same way.</summary>
    public short LastByte { get; init; }

    /// <summary>Page-table entries that map the frame (kpagecount); 0 for the zero page and for anything not present.</summary>
    public long MapCount { get; init; }

    /// <summary>Letters of kpageflags; none for anything not present.</summary>
    public CoreFlags Core { get; init; }

    /// <summary>Letters of pagemap.</summary>
    public PagemapFlags Pagemap { get; init; }
}
