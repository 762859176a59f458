using PageTableEmu.Arch.X64;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// Makes the machines that scripts run on: x86-64 with four levels, 64 MiB of RAM and a swap area of 16 MiB, as the recordings had.
/// </summary>
public sealed class ReplayMachines : IReplayMachineFactory
{
    /// <inheritdoc/>
    public IReplayMachine Create(Backend backend) => new ReplayMachine<X64FourLevel>(backend);
}
