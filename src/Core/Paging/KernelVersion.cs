namespace PageTableEmu.Paging;

/// <summary>Kernels whose numbering of special swap types differs (include/linux/swap.h of each).</summary>
public enum KernelVersion
{
    /// <summary>Linux 6.1: four device types, a swap-in error type above the marker type, one marker bit.</summary>
    Linux61,

    /// <summary>Linux 6.12: four device types, no swap-in error type, two marker bits.</summary>
    Linux612,

    /// <summary>Linux 7.2: three device types (one for exclusive device access instead of two), three marker bits.</summary>
    Linux72,
}
