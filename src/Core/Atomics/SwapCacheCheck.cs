namespace PageTableEmu.Atomics;

/// <summary>What a swap-in asks of a folio that it found in the swap cache and then locked.</summary>
/// <seealso cref="IModel"/>
public enum SwapCacheCheck
{
    /// <summary>Nothing: the reference is trusted (before Linux 2.6.36).</summary>
    None,

    /// <summary>That it is still in the swap cache, under whatever slot (4969c1192d15, two weeks of September 2010).</summary>
    InCache,

    /// <summary>That it is still bound to the very slot of the entry (31c4a3d3a0f8, since 2.6.36).</summary>
    Slot,
}
