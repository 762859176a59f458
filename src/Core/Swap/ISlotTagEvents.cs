namespace PageTableEmu.Swap;

/// <summary>
/// What the swap floor tells the floor above that keeps per-page metadata. Nobody listens on a machine whose pages have none.
/// </summary>
internal interface ISlotTagEvents
{
    /// <summary>
    /// A locked folio is about to be written to its slots, before its content is looked at: false when the metadata cannot be kept. The
    /// folio then stays dirty and in the cache, and nothing is written.
    /// </summary>
    bool TryPrepareToSwap(uint frame, uint pages);

    /// <summary>A slot became free; its cluster is locked, so nobody has it again yet.</summary>
    void SlotFreed(SwapEntry slot);

    /// <summary>An area is being removed and has no slot in use.</summary>
    void AreaFreed(uint type);
}
