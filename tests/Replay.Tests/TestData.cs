using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>The recordings beside the tests.</summary>
internal static class TestData
{
    private static readonly Lazy<IReadOnlyList<(string Path, Trace Trace)>> LazyAll = new(() =>
        [.. TraceFiles().Select(path => (path, TraceReader.Read(path)))]);

    public static string Root { get; } = FindRoot();

    public static string Traces => Path.Combine(Root, "tests", "data", "traces");

    public static string Found => Path.Combine(Root, "tests", "data", "traces-found");

    public static string Examples => Path.Combine(Root, "tests", "data", "traces-examples");

    public static string Oracle => Path.Combine(Root, "native", "oracle");

    /// <summary>All recordings, read once.</summary>
    public static IReadOnlyList<(string Path, Trace Trace)> All => LazyAll.Value;

    public static Trace Read(string name) => TraceReader.Read(Path.Combine(Traces, name + ".jsonl"));

    public static string[] TraceFiles() =>
    [
        .. Directory.GetFiles(Traces, "*.jsonl").Order(StringComparer.Ordinal),
        .. Directory.GetFiles(Examples, "*.jsonl").Order(StringComparer.Ordinal),
    ];

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "PageTableEmu.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("the tests run outside the repository");
    }
}
