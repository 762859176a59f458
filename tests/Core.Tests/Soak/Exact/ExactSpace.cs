namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>The regions of one address space.</summary>
internal sealed class ExactSpace
{
    private const int Twins = 24;
    private const int Sampled = 12;

    private ExactSpace(uint space, ExactRegion[] regions)
    {
        Space = space;
        Regions = regions;
    }

    public uint Space { get; }

    /// <summary>By <see cref="ExactKind"/>; in this order they are locked.</summary>
    public ExactRegion[] Regions { get; }

    public ExactRegion this[ExactKind kind] => Regions[(int)kind];

    /// <summary>The regions of a new address space.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="shared">The object that it shows.</param>
    /// <param name="pageShift">Bytes of a page as a power of two.</param>
    /// <param name="spanShift">Bytes of a huge page as a power of two.</param>
    public static ExactSpace Create(uint space, ExactObject shared, int pageShift, int spanShift)
    {
        ulong page = 1UL << pageShift;
        ulong span = 1UL << spanShift;
        ulong origin = 1UL << 33;
        int sampling = (int)(span / page / Sampled);
        return new ExactSpace(space,
        [
            new ExactRegion(ExactKind.Twins, [origin + (16 * page), origin + (64 * page)], Twins * page, NewPages(Twins), page),
            new ExactRegion(ExactKind.Huge, [origin + (2 * span), origin + (4 * span)], span, NewPages(Sampled), (ulong)sampling * page),
            new ExactRegion(ExactKind.View, [origin + (128 * page), origin + (160 * page)], shared.Length, NewPages(shared.Count), page),
            new ExactRegion(ExactKind.Shared, [origin + (192 * page), origin + (224 * page)], shared.Length, shared.Pages, page),
        ]);
    }

    /// <summary>The model of a child that was just forked; nobody works on the regions.</summary>
    public ExactSpace Forked(uint child) =>
        new(child, [.. Regions.Select(region => region.Kind == ExactKind.Shared ? region.WithSamePages() : region.Forked())]);

    private static ExactPage[] NewPages(int count) => [.. Enumerable.Range(0, count).Select(_ => new ExactPage(new SoakPage.Kinship()))];
}
