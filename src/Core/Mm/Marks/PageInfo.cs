using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Mm.Marks;

/// <summary>One page of an address space, as its page table shows it at the moment.</summary>
/// <seealso cref="PageMap{TArch, TModel}"/>
public readonly record struct PageInfo
{
    /// <summary>What the entry is; None also where nothing is mapped.</summary>
    public SoftLeafKind Kind { get; init; }

    /// <summary>The frame of a present page, or the one that a migration or poison entry names.</summary>
    public uint Frame { get; init; }

    /// <summary>The slot of a swapped page.</summary>
    public SwapEntry Slot { get; init; }

    /// <summary>What else is known.</summary>
    public PageInfoFlags Flags { get; init; }

    /// <summary>The word that /proc/PID/pagemap shows to a privileged reader (Documentation/admin-guide/mm/pagemap.rst).</summary>
    public ulong PagemapWord { get; init; }

    /// <summary>Whether all of the given flags are set.</summary>
    public bool Has(PageInfoFlags flags) => (Flags & flags) == flags;
}
