using PageTableEmu.Swap;

namespace PageTableEmu.Mm.Readahead;

/// <summary>
/// What a VMA remembers of its last swap-in, in one word (swap_readahead_info). With pages of 4 KiB:
/// <code>
///  63            12 11     6 5      0
/// | address       | window  | hits   |
/// </code>
/// The bits below the page are shared by window and hits, half each; an odd one goes to the window.
/// </summary>
/// <param name="Address">Page of the last fault, as a virtual address.</param>
/// <param name="Window">Pages of the last window.</param>
/// <param name="Hits">Pages read ahead that were used since.</param>
/// <example>
/// <code>
/// var last = new VmaReadahead(address, Window: 8, Hits: 3);
/// ulong word = last.Encode(pageShift: 12);
/// bool same = VmaReadahead.Decode(word, pageShift: 12) == last;
/// </code>
/// </example>
public readonly record struct VmaReadahead(ulong Address, uint Window, uint Hits)
{
    /// <summary>Reads the word; one that is 0 was never written and is credited with some hits.</summary>
    public static VmaReadahead Decode(ulong word, int pageShift)
    {
        if (word == 0)
            return new VmaReadahead(0, 0, ReadaheadWindow.HitsAtStart);
        ulong page = (1UL << pageShift) - 1;
        return new VmaReadahead(word & ~page, (uint)((word & page) >> (pageShift / 2)), (uint)(word & Low(pageShift)));
    }

    /// <summary>The word. More hits than fit are as many as fit.</summary>
    public ulong Encode(int pageShift)
    {
        ulong page = (1UL << pageShift) - 1;
        return (Address & ~page) | (((ulong)Window << (pageShift / 2)) & page) | Math.Min(Hits, Low(pageShift));
    }

    private static ulong Low(int pageShift) => (1UL << (pageShift / 2)) - 1;
}
