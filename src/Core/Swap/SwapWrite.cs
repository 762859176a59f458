namespace PageTableEmu.Swap;

/// <summary>What became of writing a folio out to its slot (the kernel's swap_writeout).</summary>
public enum SwapWrite
{
    /// <summary>Every slot use is gone: the slot was freed, nothing written, the folio is dirty and out of the swap cache.</summary>
    SlotFreed,

    /// <summary>The content is in the slot (or is all zero and remembered so); the folio is clean.</summary>
    Done,

    /// <summary>The write is under way: <see cref="Image.FrameFlags.Writeback"/> is set until it completes.</summary>
    UnderWay,

    /// <summary>The device refused, or there was no room for the page's metadata; the folio is dirty again.</summary>
    Failed,
}
