namespace PageTableEmu.Replay.Running;

/// <summary>Replays many traces side by side.</summary>
/// <seealso cref="TraceReplay"/>
public static class ReplayRunner
{
    /// <summary>The trace files that paths stand for: a file for itself, a folder for all *.jsonl below it in the order of their names.</summary>
    /// <exception cref="FileNotFoundException">A path is neither a file nor a folder, or a folder holds no trace.</exception>
    public static IReadOnlyList<string> FindTraces(IEnumerable<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        List<string> found = [];
        foreach (string path in paths)
        {
            if (File.Exists(path))
            {
                found.Add(path);
                continue;
            }

            if (!Directory.Exists(path))
                throw new FileNotFoundException($"{path} is neither a file nor a folder", path);
            string[] files = Directory.GetFiles(path, "*.jsonl", SearchOption.AllDirectories);
            if (files.Length == 0)
                throw new FileNotFoundException($"no trace (*.jsonl) in {path}", path);
            Array.Sort(files, StringComparer.Ordinal);
            found.AddRange(files);
        }

        return found;
    }

    /// <summary>Replays traces on as many threads as there are processors.</summary>
    /// <param name="replay">How one is replayed.</param>
    /// <param name="paths">The files.</param>
    /// <param name="done">Called after each trace, from any thread.</param>
    /// <param name="cancellation">Ends the run between two traces.</param>
    /// <returns>The results in the order of the paths.</returns>
    public static IReadOnlyList<TraceResult> Run(
        TraceReplay replay, IReadOnlyList<string> paths, Action<TraceResult>? done = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(replay);
        ArgumentNullException.ThrowIfNull(paths);
        TraceResult[] results = new TraceResult[paths.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
        Parallel.For(0, paths.Count, options, k =>
        {
            results[k] = replay.Replay(paths[k]);
            done?.Invoke(results[k]);
        });
        return results;
    }

    /// <summary>Sums results by profile and backend, in the order of their names.</summary>
    public static IReadOnlyList<ReplaySummary> Summarise(IEnumerable<TraceResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        return
        [
            .. results
                .GroupBy(result => (Profile: result.Header?.Profile ?? "?", Backend: BackendName(result.Header)))
                .OrderBy(group => group.Key.Profile, StringComparer.Ordinal)
                .ThenBy(group => group.Key.Backend, StringComparer.Ordinal)
                .Select(group => ReplaySummary.Of(group.Key.Profile, group.Key.Backend, [.. group])),
        ];
    }

    private static string BackendName(Traces.TraceHeader? header) => header?.Backend switch
    {
        Backend.Zram => "zram",
        Backend.File => "file",
        _ => "?",
    };
}
