namespace PageTableEmu.Explore;

/// <summary>One decision of a <see cref="SearchCheckpoint"/>.</summary>
/// <param name="Kind">0 preemption, 1 free switch, 2 value, 3 crash.</param>
/// <param name="Chosen">The actor or alternative.</param>
/// <param name="Remaining">A bit for each one still to be tried.</param>
public sealed record CheckpointDecision(int Kind, int Chosen, uint Remaining);
