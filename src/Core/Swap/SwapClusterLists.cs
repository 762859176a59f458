using System.Runtime.CompilerServices;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>Head and tail of a list of clusters, as index in the area plus 1; 0 when empty.</summary>
internal struct SwapClusterList
{
    internal uint Head;
    internal uint Tail;
}

/// <summary>The cluster lists of an area: one of free and one of full clusters; of the others one per order.</summary>
[InlineArray(Length)]
internal struct SwapClusterLists
{
    /// <summary>Orders that have lists of their own: 0 to 9, as a huge page is 512 base pages.</summary>
    internal const int Orders = 10;

    internal const int Length = 2 + (2 * Orders);

    private SwapClusterList first;

    /// <summary>Position of the list that a cluster in a state is on.</summary>
    internal static int IndexOf(SwapClusterState state, uint order) => state switch
    {
        SwapClusterState.Free => 0,
        SwapClusterState.Full => 1,
        SwapClusterState.NonFull => 2 + (int)order,
        SwapClusterState.Frag => 2 + Orders + (int)order,
        _ => throw new CorruptImageException(nameof(MetadataRegion.SwapClusters), $"a cluster in state {state} is on no list"),
    };
}
