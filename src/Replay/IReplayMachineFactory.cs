using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay;

/// <summary>Makes machines. May be called from several threads at a time.</summary>
/// <seealso cref="Replay.Running.TraceReplay"/>
public interface IReplayMachineFactory
{
    /// <summary>Makes a machine with its own memory and its own swap device.</summary>
    IReplayMachine Create(Backend backend);

    /// <summary>As <see cref="Create(Backend)"/>, for a script that is known: a program sets its machine up for what it is going to do.</summary>
    IReplayMachine Create(Backend backend, IReadOnlyList<ScriptOperation> script) => Create(backend);

    /// <summary>
    /// Whether the machines take as many minor faults as the recorded one: not where the hardware keeps no accessed and dirty bits, because the
    /// first use of an old page and the first store to a clean one are faults there.
    /// </summary>
    bool MinorFaultsAreComparable => true;

    /// <summary>
    /// What a script needs that these machines lack by their architecture, so that its recording cannot be equal; null when nothing.
    /// </summary>
    /// <param name="script">The script.</param>
    string? Lacks(IReadOnlyList<ScriptOperation> script) => null;

    /// <summary>
    /// What the recorded kernel did of its own accord that these machines, by their architecture, do not, so that the recording cannot be equal; null
    /// when nothing.
    /// </summary>
    /// <param name="recording">The recording.</param>
    string? Omits(Trace recording) => null;
}
