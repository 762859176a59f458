namespace PageTableEmu.Explore;

/// <summary>Where a depth-first search stands. The same program with the same options goes on from it in any process.</summary>
/// <example>
/// <code>
/// var memory = new WordMemory(1);
/// var program = new ExploredProgram(
///     memory,
///     new Actor("A", () =&gt; Atomic&lt;ExploredModel&gt;.Add(ref memory[0], 1)),
///     new Actor("B", () =&gt; Atomic&lt;ExploredModel&gt;.Add(ref memory[0], 1)));
/// SearchCheckpoint? checkpoint = Explorer.Explore(program, new ExplorerOptions { MaxExecutions = 1 }).Checkpoint;
/// if (checkpoint != null)
/// {
///     IReadOnlyList&lt;CheckpointDecision&gt; path = checkpoint.Decisions; // plain data, as are the words: they can be stored
///     IReadOnlyList&lt;CheckpointWord&gt; words = checkpoint.Words;
///     Console.WriteLine($"at depth {path.Count}, {words.Count} words known, first {path.FirstOrDefault()} {words.FirstOrDefault()}");
///     Explorer.Explore(program, new ExplorerOptions { Resume = checkpoint });
/// }
/// </code>
/// </example>
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
