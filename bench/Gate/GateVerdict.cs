namespace PageTableEmu.Bench.Gate;

/// <summary>What became of a row.</summary>
internal enum GateVerdict
{
    Passed,
    Missed,

    /// <summary>The rounds lie too far apart to be judged.</summary>
    TooNoisy,

    /// <summary>The two sides computed different things.</summary>
    DifferentResults,

    /// <summary>Ours allocated on the managed heap.</summary>
    Allocates,

    /// <summary>The row has no goal.</summary>
    Told,
}
