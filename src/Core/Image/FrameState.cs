using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>State of the frames as a whole, one record in <see cref="MetadataRegion.FrameState"/>.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct FrameState
{
    /// <summary>The shared zero page; set when the machine is created.</summary>
    public uint ZeroFrame;

    /// <summary>
    /// Allocation epoch. A frame born in the current epoch is still in a processor's LRU batch, as in the kernel before lru_add_drain:
    /// when it is freed it cannot be handed out again before the epoch ends.
    /// </summary>
    public uint Epoch;

    /// <summary>Lock over the LRU list: owner, 0 when free.</summary>
    public ulong LruLock;

    /// <summary>Oldest frame on the LRU list, 0 when empty.</summary>
    public uint LruOldest;

    /// <summary>Youngest frame on the LRU list, 0 when empty.</summary>
    public uint LruYoungest;

    /// <summary>Frames on the LRU list.</summary>
    public ulong LruCount;
}
