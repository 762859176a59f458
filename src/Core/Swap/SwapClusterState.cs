namespace PageTableEmu.Swap;

/// <summary>Which list of its area a cluster of slots is on (CLUSTER_FLAG_*).</summary>
internal enum SwapClusterState : uint
{
    /// <summary>On no list: somebody took it off to work on it.</summary>
    None,

    /// <summary>No slot is in use.</summary>
    Free,

    /// <summary>The last event was a freed slot, or nothing happened yet and some slots are unusable.</summary>
    NonFull,

    /// <summary>The last event was an allocation, and slots are left.</summary>
    Frag,

    /// <summary>No slot is left.</summary>
    Full,
}
