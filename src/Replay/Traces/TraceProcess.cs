namespace PageTableEmu.Replay.Traces;

/// <summary>One process of an observation.</summary>
public sealed class TraceProcess
{
    private readonly SmapsCounters?[] smaps = new SmapsCounters?[ScriptOperation.RegionCount];
    private readonly List<TraceVma>?[] vmas = new List<TraceVma>?[ScriptOperation.RegionCount];

    /// <summary>Pages that hold something, by region, then page, without overlap.</summary>
    public IList<PageRun> Pages => Runs;

    /// <summary>ksm_merging_pages.</summary>
    public long Merged { get; set; }

    internal List<PageRun> Runs { get; } = [];

    /// <summary>Sums of a region's smaps; null where the region has no VMA.</summary>
    public SmapsCounters? Smaps(int region) => smaps[region];

    /// <summary>Sets the sums of a region.</summary>
    public void SetSmaps(int region, SmapsCounters? counters) => smaps[region] = counters;

    /// <summary>VMAs of a region; null where it has none.</summary>
    public IReadOnlyList<TraceVma>? Vmas(int region) => vmas[region];

    /// <summary>Adds a VMA at the end of a region's list.</summary>
    public void AddVma(int region, TraceVma vma) => (vmas[region] ??= []).Add(vma);

    internal void Clear()
    {
        Runs.Clear();
        Merged = 0;
        Array.Clear(smaps);
        Array.Clear(vmas);
    }
}
