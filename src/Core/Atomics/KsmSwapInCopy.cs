namespace PageTableEmu.Atomics;

/// <summary>How a place gets a copy of a swapped-in folio that is not its own since KSM merged it (ksm_might_need_to_copy).</summary>
/// <seealso cref="IModel"/>
public enum KsmSwapInCopy
{
    /// <summary>The cached folio is unlocked and let go of before it is copied (Linux 2.6.32 to 2.6.35).</summary>
    Unlocked,

    /// <summary>The cached folio stays locked until the copy's swap reference is gone (4969c1192d15, since 2.6.36).</summary>
    Locked,

    /// <summary>
    /// The cached folio is mapped read-only under its lock, and a write-protect fault makes the copy: proposed in 2010, not merged. No data is
    /// lost, but for a moment the folio is mapped where the reverse map does not find it.
    /// </summary>
    ByWriteFault,

    /// <summary>
    /// Never: what is in the swap cache is mapped wherever an entry names its slot, as in a kernel without same-page merging. Right as long as
    /// nothing was merged.
    /// </summary>
    Never,
}
