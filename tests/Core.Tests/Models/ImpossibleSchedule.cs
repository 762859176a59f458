namespace PageTableEmu.Core.Tests.Models;

/// <summary>The interrupting thread would have to wait for the interrupted one.</summary>
internal sealed class ImpossibleSchedule : Exception
{
    public ImpossibleSchedule()
        : base("The other threads would have to wait for the observed one.")
    {
    }

    public ImpossibleSchedule(string message)
        : base(message)
    {
    }

    public ImpossibleSchedule(string message, Exception inner)
        : base(message, inner)
    {
    }
}
