namespace PageTableEmu.Explore.Scheduling;

/// <summary>Makes the decisions of executions: who goes on, which value a load finds.</summary>
internal abstract class Chooser
{
    /// <summary>Whether every step is a point of decision; else only those that the <see cref="AddressTable"/> knows as points.</summary>
    internal abstract bool EveryStep { get; }

    /// <summary>Whether it is asked also when only one actor could go on after a wait or an end.</summary>
    internal virtual bool AsksAlways => false;

    /// <summary>Whether stopped actors sleep until somebody touches what they are about to touch.</summary>
    internal virtual bool Sleeps => false;

    /// <summary>Whether the execution that has just ended belongs to this part of a split search.</summary>
    internal virtual bool IsOwn => true;

    /// <summary>An actor is about to make a step; returns who goes on.</summary>
    /// <param name="execution">The execution.</param>
    /// <param name="others">The others that could.</param>
    internal abstract int AtStep(Scheduler execution, uint others);

    /// <summary>The actor that ran waits or has finished, or none has begun; returns who goes on.</summary>
    /// <param name="execution">The execution.</param>
    /// <param name="runnable">Who could; not empty.</param>
    internal abstract int AtSwitch(Scheduler execution, uint runnable);

    /// <summary>A weak memory order leaves a choice; returns one of [0, alternatives). 0 is what would happen in order.</summary>
    internal virtual int AtValue(Scheduler execution, int alternatives) => 0;

    /// <summary>Whether the running actor stops for ever before the step it is about to make.</summary>
    internal virtual bool AtCrash(Scheduler execution) => false;

    /// <summary>Prepares the first or next execution; false when there is none.</summary>
    internal abstract bool TryNext();
}
