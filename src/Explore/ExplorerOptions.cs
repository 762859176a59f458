namespace PageTableEmu.Explore;

/// <summary>How far and how an exploration goes.</summary>
/// <example>
/// <code>
/// var memory = new WordMemory(2);
/// var program = new ExploredProgram(
///     memory,
///     new Actor("A", () =&gt; Atomic&lt;ExploredModel&gt;.Store(ref memory[0], 1)),
///     new Actor("B", () =&gt; Atomic&lt;ExploredModel&gt;.Store(ref memory[1], 1)));
/// ExplorationResult all = Explorer.Explore(program, new ExplorerOptions
/// {
///     Strategy = SearchStrategy.DepthFirst,
///     Preemptions = 2,
///     MemoryOrder = MemoryOrder.TotalStoreOrder,
///     Progress = (ExplorationProgress progress) =&gt; Console.WriteLine($"{progress.Executions} executions"),
/// });
/// </code>
/// </example>
public sealed record ExplorerOptions
{
    /// <summary>The strategy.</summary>
    public SearchStrategy Strategy { get; init; }

    /// <summary>
    /// Depth-first: most preemptions of an execution, that is how often an actor is stopped that could go on. PCT: changes of priority.
    /// </summary>
    public int Preemptions { get; init; } = 3;

    /// <summary>What order of loads and stores the actors see.</summary>
    public MemoryOrder MemoryOrder { get; init; }

    /// <summary>Depth-first, in a weak memory order: how often in an execution a load finds something else than it would in order.</summary>
    public int Delays { get; init; } = 2;

    /// <summary>Which words a weak memory order is applied to; null for all.</summary>
    public Func<nuint, bool>? WeakWords { get; init; }

    /// <summary>Stops after so many executions.</summary>
    public long MaxExecutions { get; init; } = long.MaxValue;

    /// <summary>Stops after so many shared accesses in all.</summary>
    public long MaxSteps { get; init; } = long.MaxValue;

    /// <summary>Stops after this time.</summary>
    public TimeSpan MaxTime { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>An execution with more shared accesses is a livelock.</summary>
    public int StepsPerExecution { get; init; } = 20_000;

    /// <summary>Seed of the strategies by chance.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Depth-first: leaves out executions that differ from another one only in the order of steps that do not touch each other.</summary>
    public bool Reduction { get; init; } = true;

    /// <summary>Depth-first: which part of the search this is, from 0 to <see cref="Shards"/> - 1.</summary>
    public int Shard { get; init; }

    /// <summary>Depth-first: into how many disjoint parts the search is split.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Depth-first: the actor that also stops for ever at each of its steps, once in an execution; null for none.</summary>
    public string? Crash { get; init; }

    /// <summary>Depth-first: where an earlier search left off; null to begin.</summary>
    public SearchCheckpoint? Resume { get; init; }

    /// <summary>Told now and then how far it is; null for nobody.</summary>
    public Action<ExplorationProgress>? Progress { get; init; }

    /// <summary>Told the schedule of every complete execution; for tests. Slow.</summary>
    public Action<string>? Executed { get; init; }

    /// <summary>Whether every restored memory is compared with the original; for tests. Slow.</summary>
    public bool CheckRestoring { get; init; }

    /// <summary>Throws unless the options make sense.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Names the first that does not.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Preemptions);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Preemptions, 200);
        ArgumentOutOfRangeException.ThrowIfNegative(Delays);
        ArgumentOutOfRangeException.ThrowIfLessThan(Shards, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Shard);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Shard, Shards);
        ArgumentOutOfRangeException.ThrowIfLessThan(StepsPerExecution, 1);
    }
}
