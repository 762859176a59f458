namespace PageTableEmu.Atomics;

/// <content>Pins and those who must respect them.</content>
public partial interface IModel
{
    /// <summary>Whether a lock-free pin reads the entry again after it took its reference.</summary>
    static virtual bool GupFastRechecksEntry => true;

    /// <summary>Whether it also looks again whether the table is still the one that the walk finds (70cbc3cc78a9, since 6.1).</summary>
    static virtual bool GupFastRechecksTable => true;

    /// <summary>
    /// Whether a collapse to a huge page takes the table out of the tree and leaves its entries as they are until the pages were copied, as Linux
    /// does: then <see cref="GupFastRechecksTable"/> is needed. Ours clears each entry before it counts the references of its page.
    /// </summary>
    static virtual bool CollapseLeavesEntries => false;

    /// <summary>Whether a lock-free pin gives way to a fork that runs meanwhile (57efa1fe5957, since 5.11).</summary>
    static virtual bool GupFastChecksFork => true;

    /// <summary>Whether a read-only pin of a page that may be shared gets it a frame of its own first (a7f226604170, since 5.19).</summary>
    static virtual bool PinUnshares => true;

    /// <summary>Whether fork copies an exclusive page that may be pinned at once (70e806e4e645, since 5.9).</summary>
    static virtual bool ForkCopiesPinned => true;

    /// <summary>When a forced write (FOLL_FORCE) may go through a read-only entry.</summary>
    static virtual ForcedWrite ForcedWrite => ForcedWrite.NeedsExclusive;

    /// <summary>
    /// Whether taking a page of a huge leaf marks the leaf dirty only for a write (a8f97366452e, since 4.15). False: with
    /// <see cref="ForcedWrite.NeedsDirty"/> a forced write may go to the huge zero page.
    /// </summary>
    static virtual bool TakerDirtiesForWriteOnly => true;

    /// <summary>
    /// Whether who takes a page of a large folio without locks looks again whose head it is (c24d37322548, since 5.13). False: the folio was split
    /// in between, and the reference is the former head's.
    /// </summary>
    static virtual bool TakerRechecksHead => true;

    /// <summary>Whether clear_refs leaves pages writable that may be pinned (9348b73c2e1b, since 5.11).</summary>
    static virtual bool ClearRefsSparesPinned => true;

    /// <summary>Whether a store reuses an exclusive page whoever holds references to it (6c287605fd56, since 5.19).</summary>
    static virtual bool ReusesExclusive => true;

    /// <summary>
    /// Whether same-page merging clears the entry before it counts references. False: a lock-free reference taken between lets a device write a
    /// page that others share by then.
    /// </summary>
    static virtual bool KsmClearsBeforeCounting => true;
}
