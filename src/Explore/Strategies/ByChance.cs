using System.Numerics;
using PageTableEmu.Explore.Scheduling;

namespace PageTableEmu.Explore.Strategies;

/// <summary>Executions by chance; the same seed gives the same ones.</summary>
internal sealed class ByChance(ExplorerOptions options, int actors) : Chooser
{
    private readonly int[] priorities = new int[actors];
    private readonly int[] changes = new int[Math.Max(options.Preemptions, 1)];
    private ulong state = options.Seed;
    private int longest = 32; // of the executions so far: where changes of priority may lie

    internal override bool EveryStep => true;

    internal override int AtStep(Scheduler execution, uint others)
    {
        int running = execution.Running;
        longest = Math.Max(longest, execution.StepsSoFar);
        if (options.Strategy == SearchStrategy.Random)
            return Next(8) == 0 ? Any(others) : running;
        int change = Array.IndexOf(changes, execution.StepsSoFar);
        if (change >= 0)
        {
            priorities[running] = -change - 1; // below all that have not changed yet
            changes[change] = -1; // whoever comes now stands before the same step of the execution, and must not change too
        }

        return Highest(others | (1u << running));
    }

    internal override int AtSwitch(Scheduler execution, uint runnable) =>
        options.Strategy == SearchStrategy.Random ? Any(runnable) : Highest(runnable);

    internal override int AtValue(Scheduler execution, int alternatives) => Next(4) == 0 ? Next(alternatives) : 0;

    internal override bool TryNext()
    {
        for (int index = 0; index < priorities.Length; index++)
            priorities[index] = index + 1;
        for (int index = priorities.Length - 1; index > 0; index--)
        {
            int other = Next(index + 1);
            (priorities[index], priorities[other]) = (priorities[other], priorities[index]);
        }

        for (int index = 0; index < changes.Length; index++)
            changes[index] = index < options.Preemptions ? Next(longest) : -1;
        return true;
    }

    private int Any(uint set)
    {
        for (int skip = Next(BitOperations.PopCount(set)); skip > 0; skip--)
            set &= set - 1;
        return BitOperations.TrailingZeroCount(set);
    }

    private int Highest(uint set)
    {
        int best = BitOperations.TrailingZeroCount(set);
        for (uint rest = set; rest != 0; rest &= rest - 1)
        {
            int actor = BitOperations.TrailingZeroCount(rest);
            if (priorities[actor] > priorities[best])
                best = actor;
        }

        return best;
    }

    /// <summary>SplitMix64, so that a seed means the same with every version of the runtime.</summary>
    private int Next(int limit)
    {
        ulong mixed = state += 0x9E37_79B9_7F4A_7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return (int)((mixed ^ (mixed >> 31)) % (ulong)limit);
    }
}
