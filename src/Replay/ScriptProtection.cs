namespace PageTableEmu.Replay;

/// <summary>The protection word of an mprotect line.</summary>
[Flags]
public enum ScriptProtection
{
    /// <summary>PROT_NONE.</summary>
    None = 0,

    /// <summary>PROT_READ.</summary>
    Read = 1,

    /// <summary>PROT_WRITE.</summary>
    Write = 2,
}
