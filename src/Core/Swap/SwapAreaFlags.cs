namespace PageTableEmu.Swap;

/// <summary>State and properties of a swap area (SWP_*).</summary>
[Flags]
internal enum SwapAreaFlags : ulong
{
    /// <summary>The record is unused.</summary>
    None = 0,

    /// <summary>The record and its ranges are taken (SWP_USED).</summary>
    Used = 1 << 0,

    /// <summary>Slots may be handed out (SWP_WRITEOK).</summary>
    WriteOk = 1 << 1,

    /// <summary>On the list of areas with free slots.</summary>
    Listed = 1 << 2,

    /// <summary>Input and output are done when the call returns (SWP_SYNCHRONOUS_IO).</summary>
    Synchronous = 1 << 3,

    /// <summary>A folio must not change during its write (SWP_STABLE_WRITES).</summary>
    StableWrites = 1 << 4,

    /// <summary>Neighbouring slots are cheaper than distant ones: one allocation hint for the area (no SWP_SOLIDSTATE).</summary>
    Rotational = 1 << 5,

    /// <summary>The content lies in a file.</summary>
    File = 1 << 6,

    /// <summary>swapon created the file; swapoff deletes it.</summary>
    FileCreated = 1 << 7,

    /// <summary>The second half of swapoff has begun.</summary>
    Dying = 1 << 8,
}
