namespace PageTableEmu.Mm.Huge;

/// <summary>Which memory may get large folios of one order (/sys/kernel/mm/transparent_hugepage/hugepages-*kB/enabled).</summary>
public enum FolioOrderPolicy
{
    /// <summary>None.</summary>
    Never,

    /// <summary>Memory that wants huge pages: <see cref="VmaFlags.HugePage"/>.</summary>
    Madvise,

    /// <summary>What <see cref="FolioOrders{TArch, TModel}.Global"/> says.</summary>
    Inherit,

    /// <summary>All private memory that does not refuse huge pages: <see cref="VmaFlags.NoHugePage"/>.</summary>
    Always,
}
