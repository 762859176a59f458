using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PageTableEmu.Swap;

/// <summary>A swap area (swap_info_struct).</summary>
/// <remarks>
/// <see cref="Flags"/>, <see cref="Users"/> and <see cref="InUse"/> are changed by atomic operations, Flags' WriteOk and Listed under the state's
/// availability lock; <see cref="Lists"/> belongs to the holder of <see cref="ListLock"/>, <see cref="Hint"/> to that of <see cref="HintLock"/>,
/// priority and turn to that of the availability lock. The rest is constant while somebody pins the area or holds a swap reference to a
/// slot of it.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 512)]
internal struct SwapAreaRecord
{
    /// <summary>Set in <see cref="Users"/> while the area can be pinned.</summary>
    internal const ulong Live = 1UL << 63;

    /// <summary>Longest path of a swap file, in bytes of UTF-8.</summary>
    internal const int PathCapacity = 232;

    internal ulong Flags;

    /// <summary><see cref="Live"/> and the number of pins (percpu_ref users).</summary>
    internal ulong Users;

    /// <summary>Slots in use.</summary>
    internal ulong InUse;

    /// <summary>Which swapon made the area: a view that has the file of an earlier one open opens it anew.</summary>
    internal ulong Incarnation;

    /// <summary>Position among areas of the same priority; the smallest is next.</summary>
    internal ulong Turn;

    /// <summary>Lock of <see cref="Lists"/>.</summary>
    internal ulong ListLock;

    /// <summary>Rotational areas: serialises allocation (global_cluster_lock).</summary>
    internal ulong HintLock;

    /// <summary>Rotational areas: next slot to try, 0 when none.</summary>
    internal ulong Hint;

    /// <summary>Slots, the header included.</summary>
    internal uint Slots;

    /// <summary>Slots that can be handed out.</summary>
    internal uint Usable;

    /// <summary>First word in the swap map.</summary>
    internal uint FirstSlot;

    /// <summary>First cluster record, and how many.</summary>
    internal uint FirstCluster;

    internal uint Clusters;

    /// <summary>First page in the store, and how many; areas in memory only.</summary>
    internal uint FirstStore;

    internal uint Stores;

    /// <summary>Areas of higher priority fill first. Negative: given by the machine, renumbered when an area goes.</summary>
    internal int Priority;

    internal SwapClusterLists Lists;

    internal uint PathLength;

    internal PathBytes Path;

    [InlineArray(PathCapacity)]
    internal struct PathBytes
    {
        private byte first;
    }
}
