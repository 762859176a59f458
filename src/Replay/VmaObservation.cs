namespace PageTableEmu.Replay;

/// <summary>One VMA inside a region.</summary>
public readonly record struct VmaObservation
{
    /// <summary>Region, 0 (A) to 7 (H).</summary>
    public byte Region { get; init; }

    /// <summary>First page, counted from the region's start.</summary>
    public long FirstPage { get; init; }

    /// <summary>Number of pages.</summary>
    public long Pages { get; init; }

    /// <summary>VM_READ and VM_WRITE.</summary>
    public ScriptProtection Protection { get; init; }

    /// <summary>VM_SHARED.</summary>
    public bool IsShared { get; init; }

    /// <summary>The compared flags.</summary>
    public VmaFlags Flags { get; init; }
}
