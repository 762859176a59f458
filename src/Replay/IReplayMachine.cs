namespace PageTableEmu.Replay;

/// <summary>
/// An executor of scripts: a machine with swap switched on, an empty process 0 and no other, for one run of one script.
/// Used by one thread at a time.
/// </summary>
/// <remarks>
/// The caller keeps what belongs to the recording and not to the machine: identities of frames and slots, the frames that only the swap
/// cache holds, whether a slot is the one a page had before, which pages are looked at. It answers by itself for operations of processes
/// that do not live, and never asks to fork into a number that lives.
/// </remarks>
/// <seealso cref="Replay.Machines.ReplayMachines{TArch}"/>
public interface IReplayMachine : IDisposable
{
    /// <summary>Performs one operation; <see cref="OperationOutcome.NotSupported"/> for one that the machine does not know.</summary>
    OperationOutcome Execute(in ScriptOperation operation);

    /// <summary>Fills a cleared observation with what the machine shows now. Must not change the machine.</summary>
    void Observe(Observation observation);

    /// <summary>Checks every invariant of the machine; one text for each violation, none when it is sound.</summary>
    IEnumerable<string> Verify();

    /// <summary>The raw page-table entry of a page, for showing it; false when there is no table for it.</summary>
    /// <param name="process">0..3; a process that does not live has no entry.</param>
    /// <param name="region">0..7.</param>
    /// <param name="page">Page inside the region.</param>
    /// <param name="entry">The entry in processor order.</param>
    bool TryReadEntry(int process, int region, long page, out ulong entry);
}
