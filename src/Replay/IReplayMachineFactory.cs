namespace PageTableEmu.Replay;

/// <summary>Makes machines. May be called from several threads at a time.</summary>
public interface IReplayMachineFactory
{
    /// <summary>Makes a machine with its own memory and its own swap device.</summary>
    IReplayMachine Create(Backend backend);
}
