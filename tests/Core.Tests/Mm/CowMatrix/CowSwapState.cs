namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>What has become of the frame of a page that was swapped out.</summary>
internal enum CowSwapState
{
    /// <summary>The swap area is synchronous: the frame is free at once, and a sole user's page comes back past the swap cache.</summary>
    Synchronous,

    /// <summary>The frame is in the swap cache, being written.</summary>
    UnderWriteback,

    /// <summary>The frame is in the swap cache, clean.</summary>
    Cached,

    /// <summary>The frame is free; the page comes back through the swap cache.</summary>
    Gone,
}
