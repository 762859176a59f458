using System.Runtime.InteropServices;

namespace PageTableEmu.Swap;

/// <summary>A cluster of neighbouring slots, the unit of allocation (swap_cluster_info).</summary>
/// <remarks>
/// <see cref="Used"/> and <see cref="Order"/> belong to the holder of <see cref="Lock"/>; <see cref="State"/> is changed with Lock and the area's
/// list lock both held, or by taking a cluster off a list; the links belong to the holder of the area's list lock.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct SwapClusterRecord
{
    /// <summary>Owner, 0 when free. Under it slots of the cluster change between free and used.</summary>
    internal ulong Lock;

    /// <summary>Slots in use or unusable; the tail past the end of the area counts as used.</summary>
    internal uint Used;

    /// <summary>log2 of the slots per allocation that the cluster serves; fixed by the first allocation in an empty cluster.</summary>
    internal uint Order;

    /// <summary>Which list the cluster is on.</summary>
    internal SwapClusterState State;

    /// <summary>Next cluster of the list, as index in the area plus 1; 0 at the end.</summary>
    internal uint Next;

    /// <summary>Previous cluster of the list, as index in the area plus 1; 0 at the end.</summary>
    internal uint Previous;

    /// <summary>For each eight slots whether one of them may be free or bound to a folio (<see cref="SlotGroups"/>).</summary>
    internal ulong Open;
}
