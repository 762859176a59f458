using PageTableEmu.Atomics;

namespace PageTableEmu.Swap;

/// <summary>
/// The setting of reading ahead (vm.page_cluster), what was read ahead and used, and the window over neighbouring slots, which is one for the
/// whole machine (mm/swap_state.c swapin_nr_pages).
/// </summary>
/// <remarks>All of it is advice: counters lost to a race cost a read, never correctness.</remarks>
/// <example>
/// <code>
/// machine.PageCluster = 4; // at most 16 pages a window
/// ClusterReadahead&lt;Mainline&gt; readahead = machine.Context.Swap.Readahead;
/// Console.WriteLine($"{readahead.Hits} of {readahead.PagesReadAhead} pages were of use");
/// </code>
/// </example>
public sealed class ClusterReadahead<TModel>
    where TModel : IModel
{
    /// <summary>Largest <see cref="PageCluster"/>: beyond, a window would not fit the hint of a VMA.</summary>
    public const int LargestPageCluster = 31;

    private readonly SwapAreas<TModel> areas;

    internal ClusterReadahead(SwapAreas<TModel> areas)
    {
        this.areas = areas;
    }

    /// <summary>
    /// log2 of the pages that a swap-in reads at most; 0: only the page that is wanted. Belongs to the machine. Linux starts with 3; a new machine
    /// has 0, with which every read has one cause.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0 or above <see cref="LargestPageCluster"/>.</exception>
    public int PageCluster
    {
        get => (int)Math.Min(Atomic<TModel>.Load(ref areas.State.PageCluster), LargestPageCluster);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, LargestPageCluster);
            Atomic<TModel>.Store(ref areas.State.PageCluster, (uint)value);
        }
    }

    /// <summary>Pages read ahead since the machine was made (swap_ra).</summary>
    public ulong PagesReadAhead => Atomic<TModel>.Load(ref areas.State.ReadAhead);

    /// <summary>Pages read ahead that were then used (swap_ra_hit).</summary>
    public ulong Hits => Atomic<TModel>.Load(ref areas.State.ReadAheadHits);

    /// <summary>
    /// Whether windows go over virtual addresses: unless some area is rotational, where neighbouring slots are cheaper than distant ones
    /// (swap_use_vma_readahead).
    /// </summary>
    public bool IsByAddress
    {
        get
        {
            for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
            {
                if (SwapAreas<TModel>.Has(ref areas[type], SwapAreaFlags.Used | SwapAreaFlags.Rotational))
                    return false;
            }

            return true;
        }
    }

    /// <summary>Counts a page that was read ahead.</summary>
    internal void CountRead() => Atomic<TModel>.Add(ref areas.State.ReadAhead, 1);

    /// <summary>Counts a page read ahead that somebody now needs; for windows over slots it is also what makes them grow.</summary>
    internal void CountHit(bool byAddress)
    {
        Atomic<TModel>.Add(ref areas.State.ReadAheadHits, 1);
        if (byAddress)
            return;
        ref uint word = ref areas.State.ClusterHits;
        uint seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            uint was = Atomic<TModel>.CompareExchange(ref word, Math.Max(seen, ReadaheadWindow.HitsAtStart + 1) + 1, seen);
            if (was == seen || seen == uint.MaxValue)
                return;
            seen = was;
        }
    }

    /// <summary>The aligned block [first, last] of slots to read around one; the slot alone when reading ahead is off or not worth it.</summary>
    internal (ulong First, ulong Last) NextBlock(SwapEntry entry)
    {
        uint pages = NextWindow(entry.Offset);
        ulong first = entry.Offset & ~(ulong)(pages - 1);
        ulong last = entry.Offset | (pages - 1);
        return (Math.Max(first, 1), Math.Min(last, areas[entry.Type].Slots - 1));
    }

    private uint NextWindow(ulong offset)
    {
        ref SwapStateRecord state = ref areas.State;
        uint largest = 1u << PageCluster;
        if (largest == 1)
            return 1;
        uint hits = TakeHits();
        uint pages = ReadaheadWindow.Pages(
            Atomic<TModel>.Load(ref state.ClusterPlace), offset, hits, largest, Atomic<TModel>.Load(ref state.ClusterPages));
        if (hits == 0)
            Atomic<TModel>.Store(ref state.ClusterPlace, offset);
        Atomic<TModel>.Store(ref state.ClusterPages, pages);
        return pages;
    }

    /// <summary>The word is one more than the hits, so that the 0 of a new machine can stand for the credit.</summary>
    private uint TakeHits()
    {
        ref uint word = ref areas.State.ClusterHits;
        uint seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            uint was = Atomic<TModel>.CompareExchange(ref word, 1, seen);
            if (was == seen)
                return seen == 0 ? ReadaheadWindow.HitsAtStart : seen - 1;
            seen = was;
        }
    }
}
