namespace PageTableEmu.Explore;

/// <summary>How the next execution is chosen.</summary>
/// <seealso cref="ExplorerOptions"/>
public enum SearchStrategy
{
    /// <summary>All executions up to a number of preemptions, fewer preemptions first.</summary>
    DepthFirst,

    /// <summary>At each step another actor may go on, by chance.</summary>
    Random,

    /// <summary>
    /// Probabilistic concurrency testing: actors have random priorities, which change at a few random steps. A bug that needs d such changes among
    /// k steps of n actors is found with probability at least 1/(n k^(d-1)) per execution.
    /// </summary>
    Pct,
}
