using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>Finds room for a new area: its number, and gaps between the ranges of the areas that exist. The areas lock is held.</summary>
internal sealed class SwapRanges<TModel>
    where TModel : IModel
{
    private const ulong CommitStep = 4096;

    private readonly SwapAreas<TModel> areas;
    private readonly MachineImage image;

    internal SwapRanges(SwapAreas<TModel> areas)
    {
        this.areas = areas;
        image = areas.Image;
    }

    /// <summary>The lowest number that no area has.</summary>
    internal bool TryFindType(out uint type)
    {
        type = 0;
        while (type < SwapAreas<TModel>.MaxAreas && image.TryCommit(MetadataRegion.SwapAreas, type) && IsUsed(type))
            type++;
        return type < SwapAreas<TModel>.MaxAreas;
    }

    /// <summary>The lowest gap of a length. It starts at 0 or where an existing range ends.</summary>
    internal bool TryFind(SwapRange range, ulong length, out ulong start)
    {
        start = 0;
        ulong blocker;
        while ((blocker = EndOfOverlap(range, start, length)) != 0)
            start = blocker;
        return start + length <= image.Capacity(Region(range));
    }

    /// <summary>Backs the records of an area, and the overflow table, with storage; pages of content are backed when they are written.</summary>
    internal bool TryCommit(ref SwapAreaRecord area) =>
        TryCommit(MetadataRegion.SwapSlots, area.FirstSlot, area.Slots, sizeof(ulong))
        && TryCommit(MetadataRegion.SwapClusters, area.FirstCluster, area.Clusters, 64)
        && TryCommit(MetadataRegion.SwapOverflow, 0, image.Capacity(MetadataRegion.SwapOverflow), 16);

    private bool TryCommit(MetadataRegion region, ulong first, ulong count, ulong stride)
    {
        for (ulong index = 0; index < count; index += CommitStep / stride)
        {
            if (!image.TryCommit(region, first + index))
                return false;
        }

        return count == 0 || image.TryCommit(region, first + count - 1);
    }

    private ulong EndOfOverlap(SwapRange range, ulong start, ulong length)
    {
        for (uint type = 0; type < SwapAreas<TModel>.MaxAreas; type++)
        {
            if (!IsUsed(type))
                continue;
            (ulong first, ulong count) = Of(range, ref areas[type]);
            if (count != 0 && start < first + count && first < start + length)
                return first + count;
        }

        return 0;
    }

    private bool IsUsed(uint type) => SwapAreas<TModel>.Has(ref areas[type], SwapAreaFlags.Used);

    private static (ulong First, ulong Count) Of(SwapRange range, ref SwapAreaRecord area) => range switch
    {
        SwapRange.Slots => (area.FirstSlot, area.Slots),
        SwapRange.Clusters => (area.FirstCluster, area.Clusters),
        _ => (area.FirstStore, area.Stores),
    };

    private static MetadataRegion Region(SwapRange range) => range switch
    {
        SwapRange.Slots => MetadataRegion.SwapSlots,
        SwapRange.Clusters => MetadataRegion.SwapClusters,
        _ => MetadataRegion.SwapStore,
    };
}
