namespace PageTableEmu.Explore;

/// <summary>What came of an exploration.</summary>
/// <seealso cref="Explorer"/>
public sealed record ExplorationResult
{
    /// <summary>The first violation, with the fewest preemptions that show one when the search was depth-first; null when there was none.</summary>
    public RaceViolation? Violation { get; init; }

    /// <summary>Whether every execution within the bound was covered.</summary>
    public bool Exhausted { get; init; }

    /// <summary>The largest number of preemptions whose executions were begun.</summary>
    public int Preemptions { get; init; }

    /// <summary>Executions.</summary>
    public long Executions { get; init; }

    /// <summary>Executions that were cut short because others cover them.</summary>
    public long Pruned { get; init; }

    /// <summary>Shared accesses.</summary>
    public long Steps { get; init; }

    /// <summary>Shared accesses of the longest execution.</summary>
    public int LongestExecution { get; init; }

    /// <summary>How long it took.</summary>
    public double Seconds { get; init; }

    /// <summary>Processor time of the whole process meanwhile, compiling included: what a busy machine disturbs least.</summary>
    public double ProcessorSeconds { get; init; }

    /// <summary>Where to go on, when a budget ended a depth-first search; else null.</summary>
    public SearchCheckpoint? Checkpoint { get; init; }

    /// <summary>Executions each second.</summary>
    public double Rate => Seconds > 0 ? Executions / Seconds : 0;

    /// <summary>Executions each second of processor time.</summary>
    public double ProcessorRate => ProcessorSeconds > 0 ? Executions / ProcessorSeconds : 0;
}
