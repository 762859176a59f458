namespace PageTableEmu.Bench.Gate;

/// <summary>One comparison: what ours costs in units of what the other costs.</summary>
/// <param name="Target">The target it belongs to, such as T1.</param>
/// <param name="Name">What is done.</param>
/// <param name="Versus">Beside what.</param>
/// <param name="Goal">Largest ratio of times that passes; null where the row is only told.</param>
/// <param name="Ours">The library's side.</param>
/// <param name="Other">The other side.</param>
internal sealed record GateRow(string Target, string Name, string Versus, double? Goal, Side Ours, Side Other)
{
    /// <summary>Whether the goal is a speed: the ratio is then shown and compared as ours over the other, and must be at least the goal.</summary>
    internal bool IsSpeed { get; init; }

    /// <summary>Whether the two checksums must be equal.</summary>
    internal bool SameResult { get; init; } = true;

    /// <summary>Whether ours may allocate on the managed heap.</summary>
    internal bool MayAllocate { get; init; }

    /// <summary>What is done when the row has been measured.</summary>
    internal Action? After { get; init; }

    /// <summary>
    /// Goals against peers that were measured once beside the same other side and are not here: name, their recorded ratio to it, and the
    /// largest ratio of ours to theirs.
    /// </summary>
    internal IReadOnlyList<(string Peer, double Recorded, double Goal)> Peers { get; init; } = [];
}
