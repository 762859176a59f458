namespace PageTableEmu.Replay.Traces;

/// <summary>First line of a trace.</summary>
/// <param name="Script">The script, a line an element.</param>
/// <param name="Profile">Family of scripts it belongs to (core, gup, ksm, …).</param>
/// <param name="Seed">Seed from which it was generated.</param>
/// <param name="Backend">The swap device.</param>
public sealed record TraceHeader(IReadOnlyList<string> Script, string Profile, long Seed, Backend Backend);
