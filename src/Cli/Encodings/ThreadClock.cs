using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PageTableEmu.Cli.Encodings;

/// <summary>
/// The time that this thread has had a processor, in nanoseconds; where the system does not tell it (not Linux), the time that passed.
/// </summary>
internal static partial class ThreadClock
{
    private const int ThreadTime = 3; // CLOCK_THREAD_CPUTIME_ID

    internal static double Now
    {
        get
        {
            if (OperatingSystem.IsLinux() && GetTime(ThreadTime, out TimeSpec time) == 0)
                return (time.Seconds * 1e9) + time.Nanoseconds;
            return Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }
}
