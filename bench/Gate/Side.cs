namespace PageTableEmu.Bench.Gate;

/// <summary>One of the two things that a row compares.</summary>
/// <param name="Run">Does all operations once and returns a checksum of what came of them.</param>
/// <param name="Operations">How many operations that is.</param>
/// <param name="Prepare">What must be done before each run, outside the measured time.</param>
internal sealed record Side(Func<ulong> Run, long Operations, Action? Prepare = null)
{
    /// <summary>What an operation costs, for a side that is no code but a limit.</summary>
    internal double? Nanoseconds { get; init; }

    /// <summary>A limit in nanoseconds for an operation.</summary>
    internal static Side Of(double nanoseconds) => new(() => 0, 1) { Nanoseconds = nanoseconds };
}
