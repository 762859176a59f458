namespace PageTableEmu.Atomics;

/// <content>Reclaim, lazily freed pages, swapoff.</content>
public partial interface IModel
{
    /// <summary>
    /// Whether clearing an entry to unmap it is a full fence, so that a lock-free pin sees it gone or we see the pin (088b8aa537c2, 6c8e2a256915).
    /// Only an explorer with store buffers can tell.
    /// </summary>
    static virtual bool UnmapFences => true;

    /// <summary>When a lazily freed page is dropped.</summary>
    static virtual LazyFreeTest LazyFreeTest => LazyFreeTest.ReferencesThenDirty;

    /// <summary>
    /// Whether MADV_FREE leaves every page alone that another process maps. Linux asks who else maps a page only if the page is dirty or in the
    /// swap cache; a clean one outside it need not have its content anywhere else, and is then taken from the other process too (recorded on
    /// 6.18.44; docs/findings.md 6). True is a repair that no kernel known to us has.
    /// </summary>
    static virtual bool LazyFreeSparesShared => false;

    /// <summary>Whether a foreign reference makes a lazily freed page an ordinary one again, as if it had been written (6.1 to 6.12).</summary>
    static virtual bool ExtraReferenceEndsLazyFree => false;

    /// <summary>
    /// Whether a lazily freed page that is found dirty after its references were frozen is kept (before d17be2d9ff6c). Equivalent in safety: no
    /// entry shows it any more.
    /// </summary>
    static virtual bool ChecksDirtyAfterFreeze => false;

    /// <summary>
    /// Whether a page that gets a slot is dirty from then on, whatever its entries say (9625456cc763, since 4.14): the slot has nothing yet.
    /// </summary>
    static virtual bool NewSlotMakesDirty => true;

    /// <summary>Whether swapoff waits for allocators that saw the area still open, before it looks for entries.</summary>
    static virtual bool SwapOffWaitsForAllocators => true;

    /// <summary>Whether swapoff verifies the binding of a folio that it locked (since 6.18; before, it relied on the area issuing nothing).</summary>
    static virtual bool SwapOffVerifiesFolio => true;

    /// <summary>
    /// Whether swapoff takes a folio out of the swap cache only if it is bound to the slot it came for and nobody uses that slot (68bdc8d64742,
    /// since 2.6.29).
    /// </summary>
    static virtual bool SwapOffChecksLeftovers => true;

    /// <summary>Whether dropping a swap entry keeps its area while the slot's folio is looked for (82b1c07a0af6, since 6.9).</summary>
    static virtual bool ZapPinsArea => true;

    /// <summary>Whether the swap reference of a shared page is taken before its swap value can be seen (826267cf1e6c, since 3.0).</summary>
    static virtual bool SharedCountsBeforePublishing => true;
}
