namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>
/// What a machine would have done to its records that forgot a rule of exclusiveness: played by hand, to show that the matrix notices.
/// </summary>
public enum CowFault
{
    /// <summary>Nothing is wrong.</summary>
    None,

    /// <summary>Swap entries bear the exclusive mark, as if fork did not take it away.</summary>
    SwapEntriesExclusive,

    /// <summary>Swap entries bear no exclusive mark, as if swap-out did not remember it.</summary>
    SwapEntriesShared,

    /// <summary>Present pages are exclusive, as if fork did not take that away.</summary>
    FramesExclusive,

    /// <summary>Present pages are not exclusive, as if a pin or mprotect did not need it.</summary>
    FramesShared,

    /// <summary>Present entries are writable, as if mprotect did not look at the page.</summary>
    EntriesWritable,

    /// <summary>Pins are plain references, which do not ask for exclusive pages.</summary>
    PinsAreReferences,
}
