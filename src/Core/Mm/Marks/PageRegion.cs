namespace PageTableEmu.Mm.Marks;

/// <summary>Neighbouring pages that a scan found, alike in the categories asked for (struct page_region).</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">First byte behind.</param>
/// <param name="Categories">Those of the pages' categories that were asked for.</param>
/// <seealso cref="PageScan{TArch, TModel}"/>
public readonly record struct PageRegion(ulong Start, ulong End, PageCategories Categories);
