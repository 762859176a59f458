namespace PageTableEmu.Replay.Running;

/// <summary>Counts of results of one profile on one backend.</summary>
/// <param name="Profile">Family of scripts.</param>
/// <param name="Backend">Swap device.</param>
/// <param name="Traces">Traces replayed.</param>
/// <param name="Equal">Traces without a difference.</param>
/// <param name="Different">Traces with a difference.</param>
/// <param name="Unknown">Traces with an operation that is not yet known.</param>
/// <param name="Broken">Traces in which the machine broke an invariant or failed, or that could not be read.</param>
/// <param name="Operations">Operations to compare.</param>
/// <param name="EqualOperations">Operations found equal.</param>
public sealed record ReplaySummary(
    string Profile, string Backend, int Traces, int Equal, int Different, int Unknown, int Broken, long Operations, long EqualOperations)
{
    /// <summary>Traces that need what the machine's architecture lacks.</summary>
    public int Excepted { get; init; }

    /// <summary>Sums results.</summary>
    public static ReplaySummary Of(string profile, string backend, IReadOnlyCollection<TraceResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        int Count(params ReadOnlySpan<TraceVerdict> verdicts)
        {
            int count = 0;
            foreach (TraceResult result in results)
                count += verdicts.Contains(result.Verdict) ? 1 : 0;
            return count;
        }

        return new ReplaySummary(
            profile, backend, results.Count, Count(TraceVerdict.Equal), Count(TraceVerdict.Difference), Count(TraceVerdict.UnknownOperation),
            Count(TraceVerdict.Violation, TraceVerdict.Failure, TraceVerdict.InputError),
            results.Sum(result => (long)result.Operations), results.Sum(result => (long)result.Equal))
        {
            Excepted = Count(TraceVerdict.Excepted),
        };
    }
}
