using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>
/// Runs what other threads would do, all of it, just before the n-th shared access of the observed one. If they would have to wait for the
/// observed one, the schedule is impossible and given up (<see cref="ImpossibleSchedule"/>).
/// </summary>
/// <param name="at">The access to come before, from 1; 0: none.</param>
/// <param name="other">What they do.</param>
internal sealed class Interruption(int at, Action other) : StepObserver
{
    private bool inside;

    public int Steps { get; private set; }

    public bool Ran { get; private set; }

    public override void Step(Access access, nuint address)
    {
        if (inside || ++Steps != at)
            return;
        uint self = Owner.Thread;
        Owner.Thread = self + 32; // another owner of locks, but on the same processor
        inside = true;
        try
        {
            other();
            Ran = true;
        }
        finally
        {
            inside = false;
            Owner.Thread = self;
        }
    }

    public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value)
    {
        if ((word & mask) == value)
            return;
        throw inside ? new ImpossibleSchedule() : new InvalidOperationException("The observed thread waits for ever.");
    }
}
