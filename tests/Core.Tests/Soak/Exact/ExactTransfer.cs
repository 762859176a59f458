using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>A device at work on one page: it sees what the process stores, and the process what it stores, until the page is dropped.</summary>
internal sealed class ExactTransfer(ExactSpace space, ExactRegion region, int index, DmaTransfer transfer)
{
    private readonly int generation = region.Pages[index].Generation;

    public ExactSpace Space { get; } = space;

    public ExactRegion Region { get; } = region;

    public int Index { get; } = index;

    public DmaTransfer Transfer { get; } = transfer;

    public ExactPage Page => Region.Pages[Index];

    /// <summary>Whether the pinned frame still is the process's page.</summary>
    public bool IsAttached => Page.Generation == generation;

    /// <summary>What the device last saw in a frame that nobody else has any more.</summary>
    public long? Orphaned { get; set; }
}
