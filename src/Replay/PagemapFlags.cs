namespace PageTableEmu.Replay;

/// <summary>The letters of /proc/pid/pagemap, in the order in which a trace prints them.</summary>
[Flags]
public enum PagemapFlags : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>x, bit 56: the frame is mapped exactly once.</summary>
    MappedOnce = 1 << 0,

    /// <summary>f, bit 61: file or shared memory (a huge zero page too).</summary>
    FileOrShared = 1 << 1,

    /// <summary>w, bit 57: userfaultfd write-protected.</summary>
    UffdWp = 1 << 2,

    /// <summary>g, bit 58: guard.</summary>
    Guard = 1 << 3,
}
