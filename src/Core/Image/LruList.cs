using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>One LRU list, linked through the records of its frames. All of it is protected by <see cref="FrameState.LruLock"/>.</summary>
/// <seealso cref="LruListTable"/>
[StructLayout(LayoutKind.Sequential)]
public struct LruList
{
    /// <summary>The frame at the end that reclaim takes from, 0 when empty.</summary>
    public uint Oldest;

    /// <summary>The frame that came last, 0 when empty.</summary>
    public uint Youngest;

    /// <summary>Length in pages: a large folio counts for all of its own.</summary>
    public ulong Pages;
}
