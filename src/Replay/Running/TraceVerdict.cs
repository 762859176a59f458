namespace PageTableEmu.Replay.Running;

/// <summary>How the replay of one trace ended.</summary>
/// <seealso cref="TraceReplay"/>
public enum TraceVerdict
{
    /// <summary>Every compared operation is equal.</summary>
    Equal,

    /// <summary>An operation showed something else than the recording.</summary>
    Difference,

    /// <summary>The script needs what the machine's architecture lacks: replayed and verified, but not compared.</summary>
    Excepted,

    /// <summary>The machine does not know an operation.</summary>
    UnknownOperation,

    /// <summary>The machine broke one of its own invariants.</summary>
    Violation,

    /// <summary>The machine failed: it threw.</summary>
    Failure,

    /// <summary>The file is not a trace with a script.</summary>
    InputError,
}
