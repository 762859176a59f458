namespace PageTableEmu.Mm;

/// <summary>What became of one attempt to access a page through its entry.</summary>
/// <example>
/// <code>
/// uint root = machine.Context.Spaces[process].Root;
/// AccessOutcome outcome = machine.Context.Huge.TryAccess(root, address, AccessKind.Read, one, default); // no huge leaf is there: NeedsFault
/// </code>
/// </example>
public enum AccessOutcome
{
    /// <summary>The entry is not there or does not allow it.</summary>
    NeedsFault,

    /// <summary>The bytes moved.</summary>
    Done,

    /// <summary>The entry allows it, and the tag of the pointer is not that of the memory; nothing moved.</summary>
    TagMismatch,
}
