using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>
/// Free frames kept near one processor: 64 bytes, one cache line, one of the records of <see cref="MetadataRegion.FrameCaches"/>. Four lists
/// through the frames' LRU links, younger towards the top: frames to hand out, frames deferred to the end of the allocation epoch, frames
/// deferred to the end of the current batch of mlock, and unmovable ones, which are handed out when there are no others.
/// </summary>
/// <remarks>All fields but the lock, and the LRU links of the frames on the lists, belong to the holder of <see cref="Lock"/>.</remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct FrameCache
{
    internal ulong Lock;
    internal FrameList Frames;
    internal FrameList Deferred;
    internal FrameList Munlocked;
    internal FrameList Unmovable;
}
