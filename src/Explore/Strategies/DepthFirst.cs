using System.Numerics;
using PageTableEmu.Explore.Scheduling;

namespace PageTableEmu.Explore.Strategies;

/// <summary>All executions with at most so many preemptions, by depth-first search over the decisions.</summary>
/// <remarks>
/// <para>A decision is open where the running actor may be stopped although it could go on, where several may follow one that waits or has
/// finished (free), where a weak memory order leaves a choice, and where the actor that crashes may do so. The decisions of the last execution
/// stand in a stack; the next execution repeats them up to the last one that still has an alternative.</para>
/// <para>Reduction rests on three rules, each of which leaves out only executions that are equal, but for the order of accesses that do not
/// touch each other, to others with no more preemptions. (1) A stop is tried only before accesses that conflict with some access of somebody
/// else, as far as is known; when a search has learnt of new conflicts, it begins again. (2) Who was stopped sleeps until somebody has made a
/// conflicting access (<see cref="Scheduler"/>). (3) A state that was met before by an equivalent way, with the same actor running, the same
/// sleepers and at least as many preemptions and delays left, is not entered again. Classic sleep sets and persistent sets are not used, because they
/// trade one execution for another with more preemptions.</para>
/// <para>With store buffers the same rules hold, if it is borne in mind what else an access does. A fence or read-modify-write touches all that
/// its actor's buffer holds; a load or arriving store all that it may bring out of the buffers of others. A store touches its word twice, when
/// it is made and when it arrives; the state is that of both.</para>
/// </remarks>
internal sealed class DepthFirst : Chooser
{
    private readonly ExplorerOptions options;
    private readonly int crashing;
    private readonly int bound;
    private readonly VisitedStates? visited;
    private Decision[] decisions = new Decision[256];
    private int known; // decisions that the execution repeats
    private int depth; // decisions met so far
    private int used;
    private int delays;
    private bool hasCrashed;
    private ulong path; // stands for the free decisions before the first preemption
    private bool begun;
    private bool resumed; // the decisions already are those of the next execution

    internal DepthFirst(ExplorerOptions options, int bound, int crashing)
    {
        this.options = options;
        this.bound = bound;
        this.crashing = crashing;
        IsReduced = options.Reduction && options.MemoryOrder != MemoryOrder.Relaxed && crashing < 0;
        visited = IsReduced ? new VisitedStates() : null;
    }

    /// <summary>Whether equivalent executions are left out.</summary>
    internal bool IsReduced { get; }

    // The parts of a split search must learn the same conflicts; only below the first preemption a part sees all that it has to know.
    internal override bool EveryStep => !IsReduced || (options.Shards > 1 && used == 0);

    internal override bool Sleeps => IsReduced;

    internal override bool IsOwn => used > 0 || options.Shard == 0;

    /// <summary>Open decisions of the last execution.</summary>
    internal int Depth => depth;

    /// <summary>A guess at how much of the tree is done.</summary>
    internal double Explored
    {
        get
        {
            double done = 0;
            double width = 1;
            for (int index = 0; index < Math.Min(depth, 24); index++)
            {
                int left = BitOperations.PopCount(decisions[index].Remaining);
                int all = decisions[index].Alternatives;
                width /= all;
                done += width * (all - left - 1);
            }

            return done;
        }
    }

    internal IReadOnlyList<CheckpointDecision> Save() =>
        [.. decisions.Take(known).Select(decision => new CheckpointDecision((int)decision.Kind, decision.Chosen, decision.Remaining))];

    internal void Load(IReadOnlyList<CheckpointDecision> saved)
    {
        while (decisions.Length < saved.Count)
            Array.Resize(ref decisions, decisions.Length * 2);
        for (int index = 0; index < saved.Count; index++)
        {
            CheckpointDecision from = saved[index];
            decisions[index] = new Decision
            {
                Kind = (DecisionKind)from.Kind,
                Chosen = from.Chosen,
                Remaining = from.Remaining,
                Alternatives = BitOperations.PopCount(from.Remaining) + 1,
            };
        }

        known = saved.Count;
        begun = true;
        resumed = true;
    }

    internal override bool TryNext()
    {
        if (begun && !resumed && !TryAdvance())
            return false;
        begun = true;
        resumed = false;
        depth = used = delays = 0;
        hasCrashed = false;
        path = 0;
        return true;
    }

    /// <summary>Moves on to the execution that <see cref="TryNext"/> will run, for a checkpoint.</summary>
    internal bool TryPrepare()
    {
        if (!TryAdvance())
            return false;
        resumed = true;
        return true;
    }

    internal override int AtStep(Scheduler execution, uint others)
    {
        if (used >= bound)
            return execution.Running;
        int running = execution.Running;
        if (used == 0 && options.Shards > 1)
        {
            others = OwnShare(execution, others);
            if (others == 0)
                return running;
        }

        if (depth < known)
        {
            int chosen = decisions[depth++].Chosen;
            if (chosen == running)
                return running;
            used++;
            return chosen;
        }

        if (!IsCovered(execution, (ulong)running + 1))
            Push(DecisionKind.Preemption, running, others);
        return running;
    }

    internal override int AtSwitch(Scheduler execution, uint runnable)
    {
        int chosen;
        if (depth < known)
        {
            chosen = decisions[depth++].Chosen;
        }
        else
        {
            chosen = BitOperations.TrailingZeroCount(runnable);
            if (!IsCovered(execution, 0))
                Push(DecisionKind.Free, chosen, runnable & ~(1u << chosen));
        }

        if (used == 0)
            path = (path * 31) + (ulong)chosen + 1;
        return chosen;
    }

    internal override int AtValue(Scheduler execution, int alternatives)
    {
        if (delays >= options.Delays)
            return 0;
        if (depth < known)
        {
            int chosen = decisions[depth++].Chosen;
            delays += chosen != 0 ? 1 : 0;
            return chosen;
        }

        Push(DecisionKind.Value, 0, ((1u << Math.Min(alternatives, 31)) - 1) & ~1u);
        return 0;
    }

    internal override bool AtCrash(Scheduler execution)
    {
        if (execution.Running != crashing || hasCrashed)
            return false;
        if (depth < known)
        {
            hasCrashed = decisions[depth++].Chosen != 0;
            return hasCrashed;
        }

        Push(DecisionKind.Crash, 0, 2);
        return false;
    }

    private bool TryAdvance()
    {
        int top = Math.Max(depth, known) - 1;
        if (depth < known)
            top = depth - 1; // a cut execution may end before all that it would have repeated
        while (top >= 0 && decisions[top].Remaining == 0)
            top--;
        if (top < 0)
            return false;
        ref Decision decision = ref decisions[top];
        decision.Chosen = BitOperations.TrailingZeroCount(decision.Remaining);
        decision.Remaining &= decision.Remaining - 1;
        known = depth = top + 1;
        return true;
    }

    private bool IsCovered(Scheduler execution, ulong running)
    {
        if (visited is null)
            return false;
        ulong actors = ((ulong)execution.Sleeping << 32) ^ ((ulong)execution.Alive << 16) ^ execution.Rounding;
        ulong state = execution.Hash ^ ((running + 1) << 56) ^ actors;
        bool covered = false;
        for (int fewer = 0; fewer < delays && !covered; fewer++)
            covered = visited.Has(Name(state, fewer), bound - used);
        if (!covered && !visited.Covers(Name(state, delays), bound - used))
            return false;
        execution.Cut();
        return true;
    }

    private static ulong Name(ulong state, int delays)
    {
        state = (state ^ ((ulong)delays << 48)) * 0x9E37_79B1_85EB_CA87;
        return state ^ (state >> 31);
    }

    /// <summary>The first preemption of an execution says which part of a split search it belongs to.</summary>
    private uint OwnShare(Scheduler execution, uint others)
    {
        uint own = 0;
        for (uint rest = others; rest != 0; rest &= rest - 1)
        {
            int other = BitOperations.TrailingZeroCount(rest);
            ulong name = (((path * 1_000_003) + (ulong)execution.StepsSoFar) * 31) + (ulong)other;
            name *= 0x9E37_79B1_85EB_CA87;
            if ((name >> 33) % (ulong)options.Shards == (ulong)options.Shard)
                own |= 1u << other;
        }

        return own;
    }

    private void Push(DecisionKind kind, int chosen, uint remaining)
    {
        if (depth == decisions.Length)
            Array.Resize(ref decisions, decisions.Length * 2);
        decisions[depth++] = new Decision
        {
            Kind = kind,
            Chosen = chosen,
            Remaining = remaining,
            Alternatives = BitOperations.PopCount(remaining) + 1,
        };
        known = Math.Max(known, depth);
    }

    private enum DecisionKind
    {
        Preemption,
        Free,
        Value,
        Crash,
    }

    private struct Decision
    {
        public DecisionKind Kind;
        public int Chosen;
        public int Alternatives;
        public uint Remaining;
    }
}
