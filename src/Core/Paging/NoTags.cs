namespace PageTableEmu.Paging;

/// <summary>No metadata: every default of <see cref="IPageTagProvider"/>.</summary>
/// <seealso cref="ITagged{TTags}"/>
public readonly struct NoTags : IPageTagProvider;
