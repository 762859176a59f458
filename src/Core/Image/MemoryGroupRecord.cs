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
    /// <summary>1 while the group exists.</summary>
    public ulong InUse;

    /// <summary>Frames charged to it.</summary>
    public ulong Pages;

    /// <summary>Most frames that may be charged (memory.max).</summary>
    public ulong PageLimit;

    /// <summary>Swap slots charged to it.</summary>
    public ulong Slots;

    /// <summary>Most slots that may be charged (memory.swap.max).</summary>
    public ulong SlotLimit;

    /// <summary>Address spaces that belong to it.</summary>
    public ulong Members;

    /// <summary>Charges that were refused because of <see cref="PageLimit"/> (the "max" of memory.events).</summary>
    public ulong Refused;
}
