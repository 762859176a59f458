using System.Runtime;
using System.Runtime.CompilerServices;
using PageTableEmu.Bench.Native;

namespace PageTableEmu.Bench.Gate;

/// <summary>
/// Measures two sides in turns, in time that the thread had a processor: what else the machine does then hardly matters, and what it does to
/// caches and clock hits both sides of a round alike.
/// </summary>
internal sealed class Meter
{
    private const ulong SideTime = 6_000_000; // nanoseconds of a side in a round
    private const int MinimumRounds = 15;
    private const int MaximumRounds = 45;

    // After so many milliseconds without new methods the runtime compiles anew what ran often; ten times as many where it has one processor.
    private static readonly int CompileDelay = Environment.ProcessorCount == 1 ? 1100 : 110;

    /// <summary>The spread beyond which a row is not judged.</summary>
    internal const double WidestSpread = 0.15;

    internal static Measurement Measure(GateRow row)
    {
        bool same = WarmUp(row);
        int ourRuns = RunsFor(row.Ours);
        int otherRuns = RunsFor(row.Other);
        List<double> ours = [];
        List<double> others = [];
        long allocated = 0;
        Measurement result;
        do
        {
            bool oursFirst = ours.Count % 2 == 0;
            if (oursFirst)
                ours.Add(Time(row.Ours, ourRuns, ref allocated));
            long ignored = 0;
            others.Add(Time(row.Other, otherRuns, ref ignored));
            if (!oursFirst)
                ours.Add(Time(row.Ours, ourRuns, ref allocated));
            result = new Measurement(ours, others, same, allocated);
        }
        while (ours.Count < MinimumRounds || (result.Spread > WidestSpread * 0.8 && ours.Count < MaximumRounds));
        row.After?.Invoke();
        return result;
    }

    /// <summary>Runs both sides until the JIT has done with them, and compares what they return.</summary>
    private static bool WarmUp(GateRow row)
    {
        // A method is compiled anew in the background, twice, when it has run often enough and the JIT has had nothing else to do for a while. A
        // time that stays the same says too little: the version for a loop that runs already may be as fast as the last one, or nearly.
        double best = double.MaxValue;
        int unchanged = 0;
        for (int phase = 0; phase < 20 && unchanged < 3; phase++)
        {
            long compiled = JitInfo.GetCompiledMethodCount();
            double time = WarmUp(row.Ours);
            WarmUp(row.Other); // some of these are C# too
            Thread.Sleep(CompileDelay);
            unchanged = time < best * 0.95 || compiled != JitInfo.GetCompiledMethodCount() ? 0 : unchanged + 1;
            best = Math.Min(best, time);
        }

        row.Ours.Prepare?.Invoke();
        ulong ours = row.Ours.Run();
        row.Other.Prepare?.Invoke();
        ulong others = row.Other.Run();
        return !row.SameResult || ours == others;
    }

    /// <summary>Runs a side for some milliseconds; returns the fastest run.</summary>
    private static double WarmUp(Side side)
    {
        if (side.Nanoseconds is { } limit)
            return limit;
        double best = double.MaxValue;
        long ignored = 0;
        ulong end = Baseline.ThreadTime() + 5_000_000;
        for (int i = 0; i < 32 && (i < 2 || Baseline.ThreadTime() < end + 60_000_000); i++)
            best = Math.Min(best, Time(side, 1, ref ignored));
        while (Baseline.ThreadTime() < end)
            best = Math.Min(best, Time(side, 1, ref ignored));
        return best;
    }

    private static int RunsFor(Side side)
    {
        long ignored = 0;
        double one = Time(side, 1, ref ignored) * side.Operations;
        one = Math.Min(one, Time(side, 1, ref ignored) * side.Operations);
        return (int)Math.Clamp(SideTime / Math.Max(one, 1), 1, 100_000);
    }

    /// <summary>Nanoseconds of one operation.</summary>
    private static double Time(Side side, int runs, ref long allocated)
    {
        if (side.Nanoseconds is { } limit)
            return limit;
        if (side.Prepare is null)
            return Time(side.Run, runs, ref allocated) / ((double)runs * side.Operations);
        double total = 0;
        for (int run = 0; run < runs; run++)
        {
            side.Prepare();
            total += Time(side.Run, 1, ref allocated);
        }

        return total / ((double)runs * side.Operations);
    }

    private static double Time(Func<ulong> run, int runs, ref long allocated)
    {
        long heap = GC.GetAllocatedBytesForCurrentThread();
        ulong start = Baseline.ThreadTime();
        Repeat(run, runs);
        ulong time = Baseline.ThreadTime() - start;
        allocated += GC.GetAllocatedBytesForCurrentThread() - heap;
        return time;
    }

    /// <summary>
    /// Not optimised: the JIT would take the one delegate that it saw most into the loop, drop what nobody uses of its result, and lay it out as it
    /// happens to fit there.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoOptimization)]
    private static void Repeat(Func<ulong> run, int runs)
    {
        for (int i = 0; i < runs; i++)
            run();
    }
}
