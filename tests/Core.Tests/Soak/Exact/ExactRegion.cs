namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>
/// Some pages of an address space that lie together at one of two places. Who works on single pages enters the region, who moves or changes all of
/// it has it alone.
/// </summary>
internal sealed class ExactRegion
{
    private readonly ulong[] places;
    private readonly ulong stride;

    /// <param name="kind">What lies there.</param>
    /// <param name="places">Its two places.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="pages">Models of the pages that are worked on.</param>
    /// <param name="stride">Bytes from one of them to the next.</param>
    public ExactRegion(ExactKind kind, ulong[] places, ulong length, ExactPage[] pages, ulong stride)
    {
        Kind = kind;
        this.places = places;
        this.stride = stride;
        Length = length;
        Pages = pages;
    }

    public ExactKind Kind { get; }

    public ExactPage[] Pages { get; }

    public ulong Length { get; }

    /// <summary>At which of its places the region is.</summary>
    public int Side { get; set; }

    public ReaderWriterLockSlim Lock { get; } = new();

    public ulong Start => places[Side];

    public ulong Elsewhere => places[1 - Side];

    public ulong Address(int page) => Start + ((ulong)page * stride);

    /// <summary>The same pages in another address space.</summary>
    public ExactRegion WithSamePages() => new(Kind, places, Length, Pages, stride) { Side = Side };

    public ExactRegion Forked() => new(Kind, places, Length, [.. Pages.Select(page => page.Forked())], stride) { Side = Side };
}
