namespace PageTableEmu.Mm.Marks;

/// <summary>
/// What a scan looks for (struct pm_scan_arg). A page matches when, after <see cref="Inverted"/> categories are turned round, it has all of
/// <see cref="Required"/> and, unless that is None, one of <see cref="AnyOf"/>.
/// </summary>
/// <seealso cref="PageScan{TArch, TModel}"/>
public readonly record struct PageScanRequest
{
    /// <summary>First byte of the range, at a page's start.</summary>
    public required ulong Start { get; init; }

    /// <summary>First byte behind the range, at a page's start.</summary>
    public required ulong End { get; init; }

    /// <summary>Categories that a page shall not have.</summary>
    public PageCategories Inverted { get; init; }

    /// <summary>Categories that a page must have, all of them.</summary>
    public PageCategories Required { get; init; }

    /// <summary>Categories of which a page must have one; None asks nothing.</summary>
    public PageCategories AnyOf { get; init; }

    /// <summary>Categories that the result tells; regions that differ in them stay apart.</summary>
    public PageCategories Returned { get; init; }

    /// <summary>Most pages to find; 0 for no limit.</summary>
    public ulong MaxPages { get; init; }

    /// <summary>Write-protects what matches; VMAs that are not registered for asynchronous write-protection are passed over.</summary>
    public bool WriteProtectMatching { get; init; }

    /// <summary>Fails at a VMA that is not registered for asynchronous write-protection.</summary>
    public bool RequireAsync { get; init; }
}
