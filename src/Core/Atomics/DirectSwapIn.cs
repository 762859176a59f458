namespace PageTableEmu.Atomics;

/// <summary>How a slot of a synchronous area is read that has no folio in the swap cache.</summary>
/// <seealso cref="IModel"/>
public enum DirectSwapIn
{
    /// <summary>Into a private folio, with nothing that keeps the slot meanwhile (Linux 4.15 to 6.7, 0bcac06f27d7).</summary>
    NoPin,

    /// <summary>Into a private folio, the slot pinned only after the read: a wrong repair that nobody merged.</summary>
    PinAfterRead,

    /// <summary>Into a private folio, the slot pinned from before the read until the table is unlocked (6.8 to 6.19, 13ddaf26be32).</summary>
    PinSlot,

    /// <summary>Through the swap cache, like any other slot (before 4.15; again since 7.0, f1879e8a0c60).</summary>
    AlwaysCache,
}
