namespace PageTableEmu.Paging;

/// <summary>Kernel configuration that reserves special swap types.</summary>
[Flags]
public enum SwapTypeOptions
{
    /// <summary>No group that can be left out.</summary>
    None = 0,

    /// <summary>CONFIG_MEMORY_FAILURE: one type for poisoned frames.</summary>
    MemoryFailure = 1,

    /// <summary>CONFIG_DEVICE_PRIVATE: three or four types for memory of devices.</summary>
    DevicePrivate = MemoryFailure << 1,

    /// <summary>CONFIG_MIGRATION: three types for pages being moved.</summary>
    Migration = DevicePrivate << 1,

    /// <summary>CONFIG_PTE_MARKER: one type for markers. A choice in Linux 6.1 only; later kernels always have it.</summary>
    PteMarker = Migration << 1,

    /// <summary>Every group: a usual x86-64 kernel.</summary>
    All = MemoryFailure | DevicePrivate | Migration | PteMarker,
}
