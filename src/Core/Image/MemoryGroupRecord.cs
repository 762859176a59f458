using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>
/// Address spaces whose memory is counted and limited together (a memory cgroup): 64 bytes, record of <see cref="MetadataRegion.MemoryGroups"/>.
/// All words are changed atomically.
/// </summary>
/// <seealso cref="MemoryGroups{TModel}"/>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct MemoryGroupRecord
{
    /// <summary>Most frames that may be charged (memory.max).</summary>
    public ulong PageLimit;

    /// <summary>Most slots that may be charged (memory.swap.max).</summary>
    public ulong SlotLimit;

    /// <summary>Bit 0: the group exists. Bit 1: somebody looks whether it can go. Above: address spaces that belong to it.</summary>
    public ulong Membership;

    /// <summary>Frames charged to it.</summary>
    public uint Pages;

    /// <summary>Swap slots charged to it.</summary>
    public uint Slots;

    /// <summary>Charges that were refused because of <see cref="PageLimit"/> (the "max" of memory.events).</summary>
    public uint Refused;

    /// <summary>How far its part of the LRU lists has moved on: pages evicted on its behalf, and pages of it that became active.</summary>
    internal uint Age;

    /// <summary>Pages of it on each list. Changed under the lock of the lists.</summary>
    internal LruLengths Lru;
}
