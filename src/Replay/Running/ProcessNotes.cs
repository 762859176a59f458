namespace PageTableEmu.Replay.Running;

/// <summary>What the recorder remembers of the pages of one process between observations; a child starts with its parent's notes.</summary>
internal sealed class ProcessNotes
{
    private readonly long[] ends = new long[ScriptOperation.RegionCount];
    private readonly Dictionary<(byte Region, int Page), ulong> lastSlots = [];
    private readonly HashSet<(byte Region, int Page)> zeros = [];

    private ProcessNotes(ProcessNotes parent)
    {
        parent.ends.CopyTo(ends, 0);
        lastSlots = new(parent.lastSlots);
        zeros = [.. parent.zeros];
    }

    /// <summary>Makes empty notes.</summary>
    public ProcessNotes()
    {
    }

    /// <summary>The notes of a child.</summary>
    public ProcessNotes Copy() => new(this);

    /// <summary>Page at which the looked-at part of a region ends.</summary>
    public long End(int region) => ends[region];

    /// <summary>A map says where the region ends.</summary>
    public void SetEnd(int region, long end) => ends[region] = end;

    /// <summary>A move into a region makes it at least so long.</summary>
    public void RaiseEnd(int region, long end) => ends[region] = Math.Max(ends[region], end);

    /// <summary>Notes whether a present page is all zero.</summary>
    public void SetZero(byte region, int page, bool isZero)
    {
        if (isZero)
            zeros.Add((region, page));
        else
            zeros.Remove((region, page));
    }

    /// <summary>Whether the page was all zero when last seen present; the note is used up.</summary>
    public bool TakeZero(byte region, int page) => zeros.Remove((region, page));

    /// <summary>Whether the slot is the one the page had when it was last seen swapped out; it is the last one from now on.</summary>
    public bool IsLastSlot(byte region, int page, ulong slot)
    {
        bool same = lastSlots.TryGetValue((region, page), out ulong last) && last == slot;
        lastSlots[(region, page)] = slot;
        return same;
    }
}
