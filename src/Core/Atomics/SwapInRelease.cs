namespace PageTableEmu.Atomics;

/// <summary>When a swap-in gives its swap reference, and the slot if it can, back.</summary>
/// <seealso cref="IModel"/>
public enum SwapInRelease
{
    /// <summary>Before the page is mapped, so that the last user can find the folio its own alone (up to Linux 6.19).</summary>
    BeforeMapping,

    /// <summary>
    /// The reference with the mapping, the slot after it (7.0 to 7.2, 4b34f1d82c65): a cached folio is never found alone before; an area that is
    /// synchronous gets its slot back at every fault.
    /// </summary>
    AfterMapping,

    /// <summary>As <see cref="AfterMapping"/>, but only exclusiveness decides: a write by the exclusive user frees the slot (7.3).</summary>
    AfterMappingIfExclusive,
}
