namespace PageTableEmu.Swap;

/// <summary>How many pages a swap-in reads at once, and which (mm/swap_state.c __swapin_nr_pages, swap_vma_ra_win).</summary>
/// <example>
/// <code>
/// uint pages = ReadaheadWindow.Pages(previous: 10, place: 11, hits: 3, largest: 8, previousPages: 4);
/// (ulong first, ulong pastLast) = ReadaheadWindow.Around(previous: 10, page: 11, pages);
/// </code>
/// </example>
public static class ReadaheadWindow
{
    /// <summary>Hits that a place which was never read ahead is credited with, so that it starts with a window of 8.</summary>
    public const uint HitsAtStart = 4;

    /// <summary>log2 of the largest window over virtual addresses.</summary>
    public const int LargestOrder = 5;

    /// <summary>
    /// The next window. Hits of the last one make it grow; without any, a fault next to the last one is worth two pages; it shrinks to a half
    /// at most.
    /// </summary>
    /// <param name="previous">Where the last fault was: an offset in an area, or a page number.</param>
    /// <param name="place">Where this one is.</param>
    /// <param name="hits">Pages read ahead that were used since.</param>
    /// <param name="largest">Largest window allowed.</param>
    /// <param name="previousPages">The last window.</param>
    public static uint Pages(ulong previous, ulong place, uint hits, uint largest, uint previousPages)
    {
        uint pages = Math.Min(hits, largest / 2) + 2; // more would only round up to more than the largest
        if (pages > 2)
        {
            uint rounded = 4;
            while (rounded < pages)
                rounded <<= 1;
            pages = rounded;
        }
        else if (unchecked(place != previous + 1 && place != previous - 1))
        {
            pages = 1;
        }

        return Math.Max(Math.Min(pages, largest), previousPages / 2);
    }

    /// <summary>
    /// The pages [First, End) of a window over virtual addresses: from the fault on if it follows the last one, up to it if it precedes that,
    /// else around it. The caller cuts it to the VMA and the page table.
    /// </summary>
    public static (ulong First, ulong End) Around(ulong previous, ulong page, uint pages)
    {
        if (page == unchecked(previous + 1))
            return (page, page + pages);
        if (unchecked(page + 1) == previous)
            return (page + 1 > pages ? page + 1 - pages : 0, page + 1);
        uint before = (pages - 1) / 2;
        return (page > before ? page - before : 0, page + pages - before);
    }
}
