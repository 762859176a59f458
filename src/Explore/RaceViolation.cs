namespace PageTableEmu.Explore;

/// <summary>What an exploration found, and how to see it again.</summary>
/// <param name="Symptom">The case, in words.</param>
/// <param name="Invariant">The short name of what is violated.</param>
/// <param name="Step">The number of shared accesses until then.</param>
/// <param name="Schedule">A line that <see cref="Explorer.Replay(ExploredProgram, string, ExplorerOptions)"/> runs again.</param>
/// <param name="Preemptions">How often an actor that could run on was stopped.</param>
public sealed record RaceViolation(string Symptom, string Invariant, int Step, string Schedule, int Preemptions);
