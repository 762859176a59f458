namespace PageTableEmu.Explore;

/// <summary>Something that must not be.</summary>
/// <param name="Invariant">Its short name: I1, X2, G1 (a read did not find the last store), DEADLOCK, LIVELOCK, EXCEPTION ...</param>
/// <param name="Message">The case, in words.</param>
/// <seealso cref="Explorer"/>
public sealed record Finding(string Invariant, string Message);
