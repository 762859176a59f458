using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Running;

/// <summary>The result of one trace.</summary>
/// <seealso cref="TraceReplay"/>
public sealed record TraceResult
{
    /// <summary>Where the trace came from.</summary>
    public required string Path { get; init; }

    /// <summary>How it ended.</summary>
    public TraceVerdict Verdict { get; init; }

    /// <summary>Profile and backend; null when they could not be read.</summary>
    public TraceHeader? Header { get; init; }

    /// <summary>Operations that are to be compared.</summary>
    public int Operations { get; init; }

    /// <summary>Operations found equal before the end.</summary>
    public int Equal { get; init; }

    /// <summary>The first difference, for that verdict.</summary>
    public Difference? Difference { get; init; }

    /// <summary>The machine's page-table entry of the page that differs, where it has one.</summary>
    public ulong? Entry { get; init; }

    /// <summary>For a person: what was unknown, violated or wrong, and where.</summary>
    public string? Message { get; init; }

    /// <summary>The trace is as it should be: equal, or of something that the architecture lacks.</summary>
    public bool IsGood => Verdict is TraceVerdict.Equal or TraceVerdict.Excepted;
}
