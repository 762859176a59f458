namespace PageTableEmu.Paging;

/// <summary>Hears what metadata a provider keeps by address; see <see cref="IPageTagProvider.Account"/>.</summary>
/// <example>
/// <code>
/// sealed class PagesSaved : ITagAccount
/// {
///     public ulong Pages { get; private set; }
///
///     public void Range(uint space, ulong first, ulong last, ulong pages, uint buffer) =&gt; Pages += pages;
///
///     public static ulong Of&lt;TTags&gt;(TagStorage&lt;Mainline&gt; tags, uint space)
///         where TTags : IPageTagProvider
///     {
///         var saved = new PagesSaved();
///         TTags.Account(tags, space, saved);
///         return saved.Pages;
///     }
/// }
/// </code>
/// </example>
public interface ITagAccount
{
    /// <summary>A range of addresses for which metadata is kept.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="first">First address.</param>
    /// <param name="last">Last address, inclusive.</param>
    /// <param name="pages">Pages that are said to be saved in it.</param>
    /// <param name="buffer">The buffer that holds them; 0 when none.</param>
    void Range(uint space, ulong first, ulong last, ulong pages, uint buffer);
}
