using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Comparison;

/// <summary>Compares what a row says outside its pages, and names differences after the row.</summary>
internal sealed class RowComparison(TraceRow recorded, TraceRow emitted, Bijection frames, Bijection slots)
{
    /// <summary>The recording's row.</summary>
    public TraceRow Recorded => recorded;

    /// <summary>The other side's row.</summary>
    public TraceRow Emitted => emitted;

    /// <summary>Makes a difference of this row.</summary>
    public Difference Differ(string field, int? process, string? page, string expected, string actual) =>
        new(recorded.Number, recorded.Operation, field, process, page, expected, actual);

    /// <summary>Whether two identities may be one.</summary>
    public bool SameIdentity(PageKind kind, long left, long right) => kind switch
    {
        PageKind.Marker => left == right,
        PageKind.Swapped => slots.Agrees(left, right),
        _ => frames.Agrees(left, right),
    };

    /// <summary>Compares the outcome of the operation and the numbers of the machine.</summary>
    public Difference? CompareOutcome(Func<int, string, bool> isLoose, bool minorFaults)
    {
        OperationOutcome a = recorded.Outcome;
        OperationOutcome b = emitted.Outcome;
        bool used = recorded.UsedSlots == emitted.UsedSlots || isLoose(recorded.Number, "used");
        bool transfersAreLoose = (recorded.SwapIns, recorded.SwapOuts) != (emitted.SwapIns, emitted.SwapOuts) && isLoose(recorded.Number, "pswp");
        return Number("ret", a.Result, b.Result)
            ?? Number("err", a.Error, b.Error)
            ?? Number("val", a.Value, b.Value)
            ?? (minorFaults ? Number("min", a.MinorFaults, b.MinorFaults) : null)
            ?? Number("maj", a.MajorFaults, b.MajorFaults)
            ?? (used ? null : Number("used", recorded.UsedSlots, emitted.UsedSlots))
            ?? (transfersAreLoose ? null : Number("pswpin", recorded.SwapIns, emitted.SwapIns))
            ?? (transfersAreLoose ? null : Number("pswpout", recorded.SwapOuts, emitted.SwapOuts));
    }

    /// <summary>Compares which processes live.</summary>
    public Difference? CompareLiving()
    {
        string left = Living(recorded);
        string right = Living(emitted);
        return left == right ? null : Differ("processes", null, null, left, right);
    }

    /// <summary>The recording shows nothing in the swap cache, so the bytes on the device are current.</summary>
    public bool NothingIsCached()
    {
        if (recorded.CachedFrames.Count > 0)
            return false;
        for (int process = 0; process < ScriptOperation.ProcessCount; process++)
        {
            if (recorded.ProcessOf(process) is { } observed && observed.Runs.Exists(run => (run.Core & CoreFlags.SwapCache) != 0))
                return false;
        }

        return true;
    }

    /// <summary>Compares what is known of a process as a whole.</summary>
    public Difference? CompareSums(int process, TraceProcess left, TraceProcess right)
    {
        if (left.Merged != right.Merged)
            return Differ("merged", process, null, $"{left.Merged}", $"{right.Merged}");
        for (int region = 0; region < ScriptOperation.RegionCount; region++)
        {
            if (left.Smaps(region) != right.Smaps(region))
                return Differ("smaps", process, null, Describe(region, left.Smaps(region)), Describe(region, right.Smaps(region)));
        }

        for (int region = 0; region < ScriptOperation.RegionCount; region++)
        {
            IReadOnlyList<TraceVma> a = left.Vmas(region) ?? [];
            IReadOnlyList<TraceVma> b = right.Vmas(region) ?? [];
            if (!a.SequenceEqual(b))
                return Differ("vma", process, null, Describe(region, a), Describe(region, b));
        }

        return null;
    }

    /// <summary>Compares the set of frames that only the swap cache holds.</summary>
    public Difference? CompareCached()
    {
        HashSet<long> expected = [];
        bool allKnown = true;
        foreach (long frame in recorded.CachedFrames)
        {
            allKnown &= frames.TryGet(frame, out long other);
            expected.Add(other);
        }

        return allKnown && expected.SetEquals(emitted.CachedFrames)
            ? null
            : Differ("cached", null, null, $"[{string.Join(", ", recorded.CachedFrames)}]", $"[{string.Join(", ", emitted.CachedFrames)}]");
    }

    private static string Living(TraceRow row) =>
        string.Join(' ', Enumerable.Range(0, ScriptOperation.ProcessCount).Where(process => row.ProcessOf(process) is not null));

    private static string Describe(int region, SmapsCounters? counters) =>
        counters is { } some ? $"{Letters.OfRegion(region)}: {some}" : $"{Letters.OfRegion(region)}: none";

    private static string Describe(int region, IReadOnlyList<TraceVma> vmas) => $"{Letters.OfRegion(region)}: {string.Join("; ", vmas)}";

    private Difference? Number(string field, long left, long right) =>
        left == right ? null : Differ(field, null, null, $"{left}", $"{right}");
}
