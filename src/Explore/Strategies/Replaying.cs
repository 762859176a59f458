using System.Numerics;
using PageTableEmu.Explore.Scheduling;

namespace PageTableEmu.Explore.Strategies;

/// <summary>One execution, by a schedule. Parts that do not fit are skipped and told.</summary>
internal sealed class Replaying(Schedule schedule) : Chooser
{
    private int part;
    private int stepsBefore; // of the execution, when the part began
    private bool done;

    internal override bool EveryStep => true;

    internal override bool AsksAlways => true;

    /// <summary>What did not fit; null when all did.</summary>
    internal string? Misfit { get; private set; }

    internal override int AtStep(Scheduler execution, uint others)
    {
        if (!IsPartOver(execution) || Current.Crashes)
            return execution.Running;
        return Next(execution, others | (1u << execution.Running));
    }

    internal override int AtSwitch(Scheduler execution, uint runnable)
    {
        if (part < 0)
            return Begin(execution, runnable);
        if (part < schedule.Parts.Count && Current.Steps >= 0 && !Current.Crashes)
            Misfit ??= $"part {part + 1} ends after {execution.StepsSoFar - stepsBefore} accesses, not {Current.Steps}";
        return Next(execution, runnable);
    }

    internal override int AtValue(Scheduler execution, int alternatives) =>
        Math.Min(schedule.Values.GetValueOrDefault(execution.DecisionsAboutValues), alternatives - 1);

    internal override bool AtCrash(Scheduler execution) => IsPartOver(execution) && Current.Crashes;

    internal override bool TryNext()
    {
        if (done)
            return false;
        done = true;
        part = -1;
        return true;
    }

    private SchedulePart Current => schedule.Parts[part];

    private bool IsPartOver(Scheduler execution) =>
        part >= 0 && part < schedule.Parts.Count && Current.Actor == execution.Running && Current.Steps >= 0
        && execution.StepsSoFar - stepsBefore >= Current.Steps;

    private int Begin(Scheduler execution, uint runnable)
    {
        part = -1;
        return Next(execution, runnable);
    }

    private int Next(Scheduler execution, uint runnable)
    {
        while (++part < schedule.Parts.Count)
        {
            stepsBefore = execution.StepsSoFar;
            if ((runnable & (1u << Current.Actor)) != 0)
                return Current.Actor;
            Misfit ??= $"the actor of part {part + 1} cannot run there";
        }

        bool canGoOn = (runnable & (1u << execution.Running)) != 0;
        return canGoOn ? execution.Running : BitOperations.TrailingZeroCount(runnable);
    }
}
