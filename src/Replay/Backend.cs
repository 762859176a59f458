namespace PageTableEmu.Replay;

/// <summary>The swap device of a recording. The two differ in behaviour, not in speed alone: see the members.</summary>
/// <seealso cref="Replay.Machines.ReplayMachines{TArch}"/>
public enum Backend
{
    /// <summary>Compressed memory: I/O is synchronous, a swap-in by the only user frees the slot at once (SWP_SYNCHRONOUS_IO).</summary>
    Zram,

    /// <summary>A swap file on a disk: writeback is asynchronous and a page stays in the swap cache after it.</summary>
    File,
}
