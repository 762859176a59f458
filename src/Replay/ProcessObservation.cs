using System.Runtime.InteropServices;

namespace PageTableEmu.Replay;

/// <summary>One process as the machine sees it. Reused from observation to observation: filling it allocates nothing once it has grown.</summary>
public sealed class ProcessObservation
{
    private readonly List<PageObservation> pages = [];
    private readonly List<VmaObservation> vmas = [];
    private readonly SmapsCounters[] smaps = new SmapsCounters[ScriptOperation.RegionCount];

    /// <summary>The process lives.</summary>
    public bool IsAlive { get; private set; }

    /// <summary>ksm_merging_pages: rmap items of the process in the stable tree, not mappings.</summary>
    public long Merged { get; set; }

    /// <summary>Entries that hold something, by region, then page.</summary>
    public ReadOnlySpan<PageObservation> Pages => CollectionsMarshal.AsSpan(pages);

    /// <summary>VMAs by address.</summary>
    public ReadOnlySpan<VmaObservation> Vmas => CollectionsMarshal.AsSpan(vmas);

    /// <summary>Sum of the counters of a region's VMAs; zeros where there is no VMA.</summary>
    public SmapsCounters Smaps(int region) => smaps[region];

    /// <summary>Adds one entry. Entries come in ascending order of region, then page; those that hold nothing do not come.</summary>
    /// <exception cref="ArgumentException">The order is broken.</exception>
    public void AddPage(in PageObservation page)
    {
        if (pages.Count > 0 && (pages[^1].Region, pages[^1].Page).CompareTo((page.Region, page.Page)) >= 0)
            throw new ArgumentException($"page {page.Page} of region {page.Region} does not come after page {pages[^1].Page}", nameof(page));
        pages.Add(page);
    }

    /// <summary>Adds one VMA with its smaps counters. VMAs come in ascending order.</summary>
    /// <exception cref="ArgumentException">The order is broken.</exception>
    public void AddVma(in VmaObservation vma, in SmapsCounters counters)
    {
        if (vmas.Count > 0 && (vmas[^1].Region, vmas[^1].FirstPage).CompareTo((vma.Region, vma.FirstPage)) >= 0)
            throw new ArgumentException($"the VMA at page {vma.FirstPage} of region {vma.Region} is out of order", nameof(vma));
        vmas.Add(vma);
        smaps[vma.Region] += counters;
    }

    internal void Clear(bool alive)
    {
        IsAlive = alive;
        Merged = 0;
        pages.Clear();
        vmas.Clear();
        Array.Clear(smaps);
    }
}
