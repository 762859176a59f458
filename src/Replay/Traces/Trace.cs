namespace PageTableEmu.Replay.Traces;

/// <summary>A recording, or what an emulator emitted in its form.</summary>
/// <param name="Header">First line; null where there is none.</param>
/// <param name="Rows">Observations in order.</param>
/// <param name="Unstable">What is not to be compared.</param>
public sealed record Trace(TraceHeader? Header, IReadOnlyList<TraceRow> Rows, IReadOnlyList<UnstableNote> Unstable);
