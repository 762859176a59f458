using System.Diagnostics;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>
/// Finds the thread that stands still: it ends no operation for a long time in which the process had processors. Time alone says nothing on a busy
/// machine. There a thread that gives its processor away gets it back after all others, and a long operation that does so a thousand times takes
/// half a minute without harm.
/// </summary>
internal sealed class StallWatch(int threads)
{
    /// <summary>Who hangs burns processor time: all waiting in the library is spinning and yielding.</summary>
    private static readonly TimeSpan ProcessorTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(20);

    /// <summary>For those who hang and sleep.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(5);

    /// <summary>After a failure: the others may hang on what the failed one held.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(2);

    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly (int Progress, TimeSpan Since, TimeSpan Used)?[] seen = new (int, TimeSpan, TimeSpan)?[threads];

    /// <summary>Looks at a thread; returns whether it stands still.</summary>
    /// <param name="thread">Its number.</param>
    /// <param name="progress">The operations that it has ended.</param>
    /// <param name="failed">Whether another one has failed.</param>
    internal bool StandsStill(int thread, int progress, bool failed)
    {
        TimeSpan used = Environment.CpuUsage.TotalTime;
        if (seen[thread] is not { } last || last.Progress != progress)
        {
            seen[thread] = (progress, clock.Elapsed, used);
            return false;
        }

        TimeSpan time = clock.Elapsed - last.Since;
        return (failed && time > AfterFailure) || (time > Least && used - last.Used > ProcessorTime) || time > Most;
    }
}
