namespace PageTableEmu.Explore;

/// <summary>How far a running exploration is.</summary>
/// <param name="Preemptions">The bound that is searched at the moment.</param>
/// <param name="Executions">Executions so far.</param>
/// <param name="Steps">Shared accesses so far.</param>
/// <param name="Depth">Open decisions.</param>
/// <param name="Seconds">Time so far.</param>
/// <param name="Explored">Part of the bound's tree that is done, from 0 to 1; a rough guess.</param>
/// <seealso cref="ExplorerOptions"/>
public sealed record ExplorationProgress(int Preemptions, long Executions, long Steps, int Depth, double Seconds, double Explored);
