namespace PageTableEmu.Paging;

/// <summary>No metadata: every default of <see cref="IPageTagProvider"/>.</summary>
public readonly struct NoTags : IPageTagProvider;
