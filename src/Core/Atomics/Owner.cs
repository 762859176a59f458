using System.Runtime.CompilerServices;

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
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => thread is not 0 and var known ? known : Number();
        set => thread = value;
    }

    /// <summary>The word the calling thread puts into a lock that it takes.</summary>
    public static ulong Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ((ulong)Process << 32) | Thread;
    }

    /// <summary>
    /// Any thread of this process. For sections of a few instructions that nothing can interrupt but the end of the process: looking up the
    /// number of the thread costs as much as such a section.
    /// </summary>
    public static ulong Anyone { get; } = ((ulong)Process << 32) | uint.MaxValue;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Number() => thread = (uint)Interlocked.Increment(ref lastThread);
}
