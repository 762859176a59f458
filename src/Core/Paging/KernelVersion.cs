namespace PageTableEmu.Paging;

/// <summary>Kernels whose numbering of special swap types differs.</summary>
public enum KernelVersion
{
    /// <summary>Linux 6.1.</summary>
    Linux61,

    /// <summary>Linux 6.12 (and 6.18).</summary>
    Linux612,

    /// <summary>Linux 7.2.</summary>
    Linux72,
}
