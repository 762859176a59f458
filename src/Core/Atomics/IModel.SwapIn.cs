namespace PageTableEmu.Atomics;

/// <content>
/// Swap-in: what keeps a slot from being re-issued while its page is on the way, and what the entry remembers. The defaults are Linux 6.18;
/// docs/models.md lists every switch with its history.
/// </content>
public partial interface IModel
{
    /// <summary>How a fault reads a slot of a synchronous area that only it uses. Slots with several users go through the swap cache.</summary>
    static virtual DirectSwapIn DirectSwapIn => DirectSwapIn.PinSlot;

    /// <summary>
    /// How a page of a shared object is read from a synchronous area, whatever the slot's count. AlwaysCache up to 6.13 and since 7.0; PinSlot
    /// between (1dd44c0af4fa). NoPin was proposed in 2023.
    /// </summary>
    static virtual DirectSwapIn SharedDirectSwapIn => DirectSwapIn.PinSlot;

    /// <summary>
    /// Whether a direct swap-in pins its slot before it asks whose memory group the page is charged to. False up to 6.19: the slot may have got a
    /// page of another group meanwhile, which is then charged to the wrong one.
    /// </summary>
    static virtual bool ChargesAfterPin => false;

    /// <summary>
    /// Whether who finds a slot pinned by another swap-in waits for the end of the pin before it faults again. False: it comes back at once, for
    /// ever if it keeps the owner from running (029c4628b2eb, 01626a182302 were about that).
    /// </summary>
    static virtual bool SwapInWaitsForPin => true;

    /// <summary>What is verified of a folio from the swap cache after locking it.</summary>
    static virtual SwapCacheCheck SwapCacheCheck => SwapCacheCheck.Slot;

    /// <summary>
    /// Whether the answer "it was in the cache", or "it was not", is believed after the lock was let go of (proposed in 2023, not merged): a hit
    /// is not verified, and a direct swap-in that failed drops "its" pin a second time.
    /// </summary>
    static virtual bool TrustsLookupResult => false;

    /// <summary>How a place gets its copy of a folio that KSM once merged.</summary>
    static virtual KsmSwapInCopy KsmSwapInCopy => KsmSwapInCopy.Locked;

    /// <summary>Whether a fault keeps its swap area from being removed meanwhile (eb085574a752, 2799e77529c2; since 5.14 in all places).</summary>
    static virtual bool SwapInPinsArea => true;

    /// <summary>Whether reading ahead also keeps the area of a neighbouring entry, if it is another one (1c2a936edd71, since 6.18).</summary>
    static virtual bool ReadaheadPinsOtherArea => true;

    /// <summary>When the swap reference and the slot are given back.</summary>
    static virtual SwapInRelease SwapInRelease => SwapInRelease.BeforeMapping;

    /// <summary>Whether a load maps an exclusive page writable at once. False up to 6.1: only a store does.</summary>
    static virtual bool SwapInMakesWritableOnRead => true;

    /// <summary>Whether a swap entry remembers that its page was exclusive (1493a1913e34, since 5.19).</summary>
    static virtual bool SwapEntryRemembersExclusive => true;

    /// <summary>Whether fork takes the exclusive mark from the swap entry that it copies. It must: false was never in a kernel.</summary>
    static virtual bool ForkClearsSwapExclusive => true;

    /// <summary>
    /// Whether a page that is being written to an area with stable writes comes back shared although its entry says exclusive. False was the
    /// first proposal of 1493a1913e34, with the test upside down.
    /// </summary>
    static virtual bool StableWritesOverrideExclusive => true;

    /// <summary>When a write to a page that is not exclusive reuses its frame.</summary>
    static virtual ReuseRule ReuseRule => ReuseRule.References;
}
