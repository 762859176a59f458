namespace PageTableEmu.Paging;

/// <summary>What one access of a processor met.</summary>
/// <param name="fault">Why it failed, or none.</param>
/// <param name="level">Level of the last entry that was read; 0 when none was.</param>
/// <param name="entry">That entry, as it is after the access.</param>
/// <param name="physicalAddress">Where the access goes; meaningless unless it is allowed.</param>
public readonly struct AccessResult(FaultReason fault, int level, Pte entry, ulong physicalAddress)
{
    /// <summary>Why the access failed, or none.</summary>
    public FaultReason Fault { get; } = fault;

    /// <summary>Whether the access is allowed.</summary>
    public bool IsAllowed => Fault == FaultReason.None;

    /// <summary>Level of the last entry that was read; 0 when none was.</summary>
    public int Level { get; } = level;

    /// <summary>The last entry that was read, as it is after the access.</summary>
    public Pte Entry { get; } = entry;

    /// <summary>Where the access goes; meaningless unless it is allowed.</summary>
    public ulong PhysicalAddress { get; } = physicalAddress;
}
