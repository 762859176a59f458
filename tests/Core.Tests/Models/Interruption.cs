using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>
/// Runs what other threads would do, all of it, just before the n-th shared access of the observed one. If they would have to wait for the
/// observed one, the schedule is impossible and given up (<see cref="ImpossibleSchedule"/>).
/// </summary>
/// <param name="at">The access to come before, from 1; 0: none.</param>
/// <param name="other">What they do.</param>
/// <param name="beforeContent">What they do before the first access to the content of a page, as a first interruption.</param>
internal sealed class Interruption(int at, Action other, Action? beforeContent = null) : StepObserver
{
    private const int Budget = 200_000; // hundreds of times what any card takes
    private const int MaxRounds = 100;
    private int all;
    private int rounds;
    private Action? first = beforeContent;
    private bool inside;
    private bool givenUp;

    public int Steps { get; private set; }

    public bool Ran { get; private set; }

    public override void Step(Access access, nuint address)
    {
        if (++all > Budget)
            throw new InvalidOperationException("The threads go round for ever.");
        if (inside || givenUp)
            return; // a schedule that is given up still lets go of what it held
        if (access == Access.Bytes && first is { } action)
        {
            first = null;
            Run(action);
        }

        if (++Steps != at || first != null)
            return;
        Run(other);
        Ran = true;
    }

    public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value)
    {
        if ((word & mask) == value)
            return;
        throw inside ? new ImpossibleSchedule() : new InvalidOperationException("The observed thread waits for ever.");
    }

    /// <summary>What goes round inside waits for what only the observed thread can do.</summary>
    public override void GoRound()
    {
        if (inside && ++rounds == MaxRounds)
            throw new ImpossibleSchedule();
    }

    private void Run(Action action)
    {
        uint self = Owner.Thread;
        Owner.Thread = self + 32; // another owner of locks, but on the same processor
        inside = true;
        try
        {
            action();
        }
        catch (ImpossibleSchedule)
        {
            givenUp = true;
            throw;
        }
        finally
        {
            inside = false;
            Owner.Thread = self;
        }
    }
}
