using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// Free frames kept near one processor: 64 bytes, one cache line, one of the records of <see cref="MetadataRegion.FrameCaches"/>. Four lists
/// through the frames' LRU links, younger towards the top: frames to hand out, frames deferred to the end of the allocation epoch, frames
/// deferred to the end of the current batch of mlock, and unmovable ones, which are handed out when there are no others.
/// </summary>
/// <remarks>
/// All fields but the lock and <see cref="Arrivals"/>, and the LRU links of the frames on the lists, belong to the holder of <see cref="Lock"/>.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct FrameCache
{
    /// <summary>Number of caches, as many as a word has bits.</summary>
    internal const int CountOfAll = 64;

    internal ulong Lock;
    internal FrameList Frames;
    internal FrameList Deferred;
    internal FrameList Munlocked;
    internal FrameList Unmovable;

    /// <summary>
    /// Stack of folios that threads of this number have put on their way to the LRU lists: frame at the top in the low half, length in the high half.
    /// Atomic; it does not belong to the lock.
    /// </summary>
    internal ulong Arrivals;

    /// <summary>The cache of the calling thread.</summary>
    internal static int Own => (int)(Owner.Thread % CountOfAll);
}
