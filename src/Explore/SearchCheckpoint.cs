namespace PageTableEmu.Explore;

/// <summary>Where a depth-first search stands. The same program with the same options goes on from it in any process.</summary>
public sealed record SearchCheckpoint
{
    /// <summary>The bound that is searched.</summary>
    public required int Preemptions { get; init; }

    /// <summary>The decisions of the next execution: actor or value chosen, what is still to be chosen, kind.</summary>
    public required IReadOnlyList<CheckpointDecision> Decisions { get; init; }

    /// <summary>What is known of shared words.</summary>
    public required IReadOnlyList<CheckpointWord> Words { get; init; }

    /// <summary>Executions so far.</summary>
    public long Executions { get; init; }

    /// <summary>Shared accesses so far.</summary>
    public long Steps { get; init; }
}
