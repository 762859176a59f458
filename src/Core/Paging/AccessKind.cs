namespace PageTableEmu.Paging;

/// <summary>One access of a processor.</summary>
/// <seealso cref="Mm.AccessOutcome"/>
public enum AccessKind
{
    /// <summary>A load.</summary>
    Read,

    /// <summary>A store.</summary>
    Write,

    /// <summary>An instruction fetch.</summary>
    Execute,
}
