using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>Runs what another thread would do, all of it, just before the n-th shared access of the observed one. Nobody has to wait then.</summary>
/// <param name="at">The access to come before, from 1.</param>
/// <param name="canRun">Whether the other thread would get all its locks at this moment.</param>
/// <param name="other">What it does.</param>
internal sealed class OneInterruption(int at, Func<bool> canRun, Action other) : StepObserver
{
    public int Steps { get; private set; }

    public bool Ran { get; private set; }

    public override void Step(Access access, nuint address)
    {
        if (++Steps != at)
            return;
        uint self = Owner.Thread;
        Current = null;
        Owner.Thread = uint.MaxValue;
        Ran = canRun();
        if (Ran)
            other();
        Owner.Thread = self;
        Current = this;
    }

    public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value) => Assert.Equal(value, word & mask);
}
