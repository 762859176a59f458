namespace PageTableEmu.Atomics;

/// <summary>How a write to a page that is not known to be exclusive finds out that nobody else uses it.</summary>
/// <seealso cref="IModel"/>
public enum ReuseRule
{
    /// <summary>By the reference count alone (since Linux 5.9, 09854ba94c6a; for swap-in since 5.18, c145e0b47c77).</summary>
    References,

    /// <summary>
    /// By mappings plus swap references, whoever else holds the page (reuse_swap_page, up to 5.8): a reader of a reference sees later writes.
    /// </summary>
    MappingsAndSwapCount,
}
