namespace PageTableEmu.Atomics;

/// <summary>
/// Who holds a lock: <c>[ process id : 32 | thread : 32 ]</c>, never 0. A lock word contains its owner, so that the locks of a dead
/// process or thread can be found in the image.
/// </summary>
public static class Owner
{
    private static int lastThread;

    [ThreadStatic]
    private static uint thread;

    /// <summary>The operating system's number of this process.</summary>
    public static uint Process { get; } = (uint)Environment.ProcessId;

    /// <summary>A number from 1 up that identifies the calling thread within its process. An explorer sets it, so that runs repeat.</summary>
    public static uint Thread
    {
        get => thread != 0 ? thread : thread = (uint)Interlocked.Increment(ref lastThread);
        set => thread = value;
    }

    /// <summary>The word the calling thread puts into a lock that it takes.</summary>
    public static ulong Current => ((ulong)Process << 32) | Thread;
}
