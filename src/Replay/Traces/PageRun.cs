namespace PageTableEmu.Replay.Traces;

/// <summary>One page of a trace, or a run of neighbours in a big region that differ in nothing but an identity that counts on by one.</summary>
public readonly record struct PageRun
{
    /// <summary>Region, 0 (A) to 7 (H).</summary>
    public byte Region { get; init; }

    /// <summary>First page.</summary>
    public int First { get; init; }

    /// <summary>Last page, the first one for a single page.</summary>
    public int Last { get; init; }

    /// <summary>What the entries hold.</summary>
    public PageKind Kind { get; init; }

    /// <summary>Identity of the first page: number of the frame or slot in order of first sight, 0 for the zero page, bits of a marker.</summary>
    public long Identity { get; init; }

    /// <summary>First byte, −1 for none.</summary>
    public int FirstByte { get; init; }

    /// <summary>Last byte, −1 for none.</summary>
    public int LastByte { get; init; }

    /// <summary>Entries that map the frame.</summary>
    public long MapCount { get; init; }

    /// <summary>Letters of kpageflags.</summary>
    public CoreFlags Core { get; init; }

    /// <summary>Letters of pagemap.</summary>
    public PagemapFlags Pagemap { get; init; }

    /// <summary>1 when the slot is the one that this page had when it was last seen swapped out.</summary>
    public int SameSlot { get; init; }

    /// <summary>Identity of a page of the run.</summary>
    public long IdentityOf(int page) => Identity == 0 || Kind == PageKind.Marker ? Identity : Identity + (page - First);

    /// <summary>The same run under another identity and place continues this one.</summary>
    internal bool IsContinuedBy(in PageRun next) =>
        next.Region == Region && next.First == Last + 1
        && next == this with { First = next.First, Last = next.Last, Identity = next.Identity }
        && next.Identity == (Identity == 0 ? 0 : Identity + (next.First - First));
}
