using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Scheduling;

/// <summary>Runs executions of a program, one after the other: exactly one actor at a time, decided at each of its steps.</summary>
/// <remarks>
/// <para>The scheduler has no thread of its own. It is the <see cref="StepObserver"/> of all actors: the running one comes by before each shared
/// access, decides on its own thread, and hands over only when another one is to go on. The thread of an actor that has finished begins the
/// next one, or the next execution. So an execution costs a switch of threads for each preemption, not for each step.</para>
/// <para>Only the thread that has the turn touches the fields; giving the turn is a full fence.</para>
/// <para>Sleep. An actor stopped before a step, although it could go on, sleeps until somebody makes a step that conflicts with that one. To
/// wake it earlier would only move the stop behind the step: the same execution with no more preemptions, which the search meets elsewhere. When
/// only sleepers could go on, the rest is run without decisions and not judged.</para>
/// </remarks>
internal sealed partial class Scheduler : StepObserver, IDisposable
{
    private readonly ExploredProgram program;
    private readonly ExplorerOptions options;
    private readonly ActorState[] actors;
    private readonly Stack<ActorThread> idle = new();
    private readonly ManualResetEventSlim over = new(false);
    private readonly List<SchedulePart> parts = [];
    private readonly Dictionary<int, int> values = [];
    private readonly WeakMemory? weak;
    private readonly StepOracle? oracle;
    private readonly bool judgesSteps;
    private Chooser chooser;
    private Exception? failure;
    private bool ended;

    internal Scheduler(ExploredProgram program, ExplorerOptions options)
    {
        this.program = program;
        this.options = options;
        oracle = program.Oracle;
        judgesSteps = oracle is not null && options.JudgesSteps;
        chooser = new NoChooser();
        actors = new ActorState[program.Actors.Count];
        Table = new AddressTable(program.Memory);
        Names = [.. program.Actors.Select(actor => actor.Name)];
        weak = options.MemoryOrder == MemoryOrder.SequentiallyConsistent ? null : new WeakMemory(this, options);
    }

    /// <summary>Names of the actors.</summary>
    internal IReadOnlyList<string> Names { get; }

    /// <summary>Shared words.</summary>
    internal AddressTable Table { get; }

    /// <summary>Told of each access just after it was decided that it comes now; null for nobody.</summary>
    internal Action<int, Access, nuint>? Trace { get; set; }

    /// <summary>The actor that runs.</summary>
    internal int Running { get; private set; }

    /// <summary>Steps of this execution so far.</summary>
    internal int StepsSoFar { get; private set; }

    /// <summary>Executions so far, steps of all of them, the longest, and how many were cut short.</summary>
    internal long Executions { get; set; }

    internal long Steps { get; set; }

    internal int Longest { get; private set; }

    internal long Pruned { get; private set; }

    /// <summary>What the last execution showed.</summary>
    internal RaceViolation? Violation { get; private set; }

    /// <summary>Called between executions, on whatever thread; false ends the run.</summary>
    internal Func<bool>? Between { get; set; }

    /// <summary>Runs executions until the chooser has none, somebody says stop, or one shows a violation.</summary>
    internal void Run(Chooser decisions)
    {
        chooser = decisions;
        Violation = null;
        failure = null;
        ended = false;
        if (!TryBegin())
            return;
        over.Reset();
        Resume(First());
        over.Wait();
        if (failure is { } error)
            throw new InvalidOperationException("The exploration itself failed: " + error.Message, error);
    }

    public void Dispose()
    {
        ended = true;
        foreach (ActorThread thread in idle)
        {
            thread.Actor = -1;
            thread.Wake();
        }

        over.Dispose();
    }

    /// <summary>The schedule of the execution so far.</summary>
    internal string FormatSchedule() => Schedule.Of(parts, new Dictionary<int, int>(values)).Format(Names);

    private bool TryBegin()
    {
        if (!chooser.TryNext())
            return false;
        int count = actors.Length;
        for (int actor = 0; actor < count; actor++)
            actors[actor] = default;
        alive = (1u << count) - 1;
        waiting = rounding = sleeping = crashed = 0;
        writes = 0;
        StepsSoFar = 0;
        stepsOfPart = 0;
        preemptions = 0;
        deciding = true;
        aborting = wrote = recovered = false;
        Hash = 0;
        parts.Clear();
        values.Clear();
        decisionsAboutValues = 0;
        Table.BeginExecution();
        weak?.Begin();
        oracle?.Begin();
        program.AtStart?.Invoke();
        return true;
    }

    private int First() => Follower(alive);

    /// <summary>What a thread does all its life.</summary>
    private void Carry(ActorThread own)
    {
        StepObserver.Current = this;
        while (true)
        {
            own.Wait();
            if (own.Actor < 0)
                return;
            try
            {
                if (!TryCarryOn(own))
                    return;
            }
            catch (Exception error) when (!ended) // nobody else would hear of it
            {
                failure = error;
                over.Set();
                return;
            }
        }
    }

    /// <summary>Runs actors until the turn goes elsewhere; false when the thread is not to be used any more.</summary>
    private bool TryCarryOn(ActorThread own)
    {
        while (true)
        {
            int actor = own.Actor;
            Owner.Thread = (uint)actor + 1;
            RunBody(actor);
            bool aborted = aborting;
            int next = Finished(actor);
            if (next < 0)
            {
                if (!aborted)
                    idle.Push(own);
                over.Set();
                return !aborted;
            }

            if (aborted)
            {
                Resume(next); // the stack was unwound in the middle of something: what the thread remembers is not to be trusted
                return false;
            }

            if (actors[next].Thread is null)
            {
                own.Actor = next;
                Running = next;
                actors[next].Thread = own;
                continue;
            }

            idle.Push(own);
            Resume(next);
            return true;
        }
    }

    private void RunBody(int actor)
    {
        try
        {
            program.Actors[actor].Body();
            if (!aborting && wrote && deciding && judgesSteps)
                Judge();
        }
        catch (ExecutionAbortedException)
        {
            // The execution is over; whoever ended it has said why.
        }
        catch (Exception error) when (aborting)
        {
            _ = error; // unwinding a stack in the middle of an operation may break what its checks expect
        }
        catch (FindingException found)
        {
            Record(found.Finding);
        }
        catch (Exception error)
        {
            Record(new Finding("EXCEPTION", $"{error.GetType().Name} in {Names[actor]}: {error.Message}"));
        }
    }

    /// <summary>The actor's body has ended; returns who goes on, -1 when the run is over.</summary>
    private int Finished(int actor)
    {
        alive &= ~(1u << actor);
        actors[actor].Thread = null;
        if (!aborting)
        {
            ClosePart(-1, crashes: false);
            if (TryChoose(out int next))
                return next;
        }

        if (aborting)
        {
            // Stacks in the middle of something are unwound one after the other, those of actors that never began need not be.
            for (uint rest = alive; rest != 0; rest &= rest - 1)
            {
                int other = BitOperations.TrailingZeroCount(rest);
                if (actors[other].Thread is not null)
                    return other;
            }
        }

        return Close();
    }

    /// <summary>The execution is over; begins the next one and returns its first actor, or -1.</summary>
    private int Close()
    {
        StepObserver.Current = null; // judging passes no seam
        if (Violation is null && deciding && !judged)
            JudgeEnd();
        judged = false;
        Executions++;
        Steps += StepsSoFar;
        Longest = Math.Max(Longest, StepsSoFar);
        if (!deciding)
            Pruned++;
        else if (chooser.IsOwn)
            options.Executed?.Invoke(FormatSchedule());
        program.Memory.Restore();
        if (options.CheckRestoring && program.Memory is Memory.MachineMemory { IsRestored: false })
            throw new InvalidOperationException("The memory was not brought back as it was: something writes past the seam.");
        StepObserver.Current = this;
        if (Violation is not null || (Between is not null && !Between()) || !TryBegin())
            return -1;
        return First();
    }

    private void JudgeEnd()
    {
        weak?.Drain();
        if (program.AtEnd?.Invoke() is { } finding)
            Record(finding);
    }

    /// <summary>Gives the turn to an actor.</summary>
    private void Resume(int next)
    {
        Running = next;
        ref ActorState state = ref actors[next];
        if (state.Thread is null)
        {
            state.Thread = idle.Count != 0 ? idle.Pop() : NewThread();
            state.Thread.Actor = next;
        }

        state.Thread.Wake();
    }

    private ActorThread NewThread()
    {
        var carrier = new ActorThread();
        var thread = new Thread(() =>
        {
            using (carrier)
                Carry(carrier);
        })
        {
            IsBackground = true,
            Name = "actors",
        };
        thread.Start();
        return carrier;
    }

    private struct ActorState
    {
        public ActorThread? Thread;
        public Touch Pending; // what a stopped actor does next
        public bool Empties; // and whether that empties its store buffer
        public ulong History; // stands for all its steps and what they depended on
        public WatchedWord Awaited;
        public ulong Mask;
        public ulong Value;
        public long Writes; // steps of the actor that wrote
        public long RoundSaw; // writes of others when the actor began its round
    }

    private sealed class NoChooser : Chooser
    {
        internal override bool EveryStep => false;

        internal override int AtStep(Scheduler execution, uint others) => execution.Running;

        internal override int AtSwitch(Scheduler execution, uint runnable) => BitOperations.TrailingZeroCount(runnable);

        internal override bool TryNext() => false;
    }
}
