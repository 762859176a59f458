using PageTableEmu.Arch.X64;

namespace PageTableEmu.Replay.Machines;

/// <summary>Makes the machines that the recordings were made on: x86-64 with four levels.</summary>
/// <seealso cref="Replay.Running.TraceReplay"/>
public sealed class ReplayMachines : IReplayMachineFactory
{
    /// <summary>Name of that architecture.</summary>
    public static string RecordedArchitecture => X64FourLevel.Name;

    /// <inheritdoc/>
    public IReplayMachine Create(Backend backend) => new ReplayMachine<X64FourLevel>(backend);
}
