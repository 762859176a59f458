namespace PageTableEmu.Reclaim;

/// <summary>What reclaim did with one folio.</summary>
public enum ShrinkResult
{
    /// <summary>Its frame is free, or will be when a passing reference goes.</summary>
    Freed,

    /// <summary>Kept: locked, being written, or somebody holds a reference. A later pass looks again.</summary>
    Kept,

    /// <summary>Kept because it is in use: pinned, locked in memory, written again.</summary>
    Activated,
}
