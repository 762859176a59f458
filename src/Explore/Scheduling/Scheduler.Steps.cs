using System.Numerics;
using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Scheduling;

/// <content>What happens at a step.</content>
internal sealed partial class Scheduler
{
    private uint alive; // begun or not, and not finished
    private uint waiting;
    private uint sleeping;
    private uint crashed;
    private int stepsOfPart;
    private int preemptions;
    private int decisionsAboutValues;
    private bool deciding; // false: the rest of the execution is covered by others
    private bool aborting;
    private bool wrote; // the running actor's last step may have changed something
    private bool recovered;
    private uint rounding; // of those that wait, who waits for any write of another actor
    private long writes;
    private bool judged;

    /// <summary>Actors that were stopped and need not go on before somebody touches what they are about to touch.</summary>
    internal uint Sleeping => sleeping;

    /// <summary>Actors that have not finished: one may have made no step at all.</summary>
    internal uint Alive => alive;

    /// <summary>Actors that go round and have not seen a write of another one since.</summary>
    internal uint Rounding
    {
        get
        {
            uint still = 0;
            for (uint rest = rounding; rest != 0; rest &= rest - 1)
            {
                int actor = BitOperations.TrailingZeroCount(rest);
                if (writes - actors[actor].Writes == actors[actor].RoundSaw)
                    still |= 1u << actor;
            }

            return still;
        }
    }

    /// <summary>Stands for the accesses of the execution so far, whatever the order of those that do not touch each other.</summary>
    internal ulong Hash { get; private set; }

    public override void Step(Access access, nuint address)
    {
        if (aborting)
            return;
        if (access == Access.Fence)
        {
            if (weak is not null)
                Point(access, 0, default);
            return;
        }

        int word = Table.Word(address);
        Point(access, address, access == Access.Load ? new Touch(word, 0, 0) : new Touch(0, 0, word));
    }

    public override void StepBytes(nuint read, nuint compared, nuint written)
    {
        if (aborting)
            return;
        var touch = new Touch(Table.Bytes(read), Table.Bytes(compared), Table.Bytes(written));
        if (!touch.IsNothing)
            Point(Access.Bytes, written != 0 ? written : read, touch);
        oracle?.Bytes(Running, read, written);
    }

    public override ulong Load(ref readonly ulong word)
    {
        if (weak is null || aborting)
            return base.Load(in word);
        Step(Access.Load, AddressOf(in word));
        return weak.Value(Running, new WatchedWord(AddressOf(in word), 8));
    }

    public override uint Load(ref readonly uint word)
    {
        if (weak is null || aborting)
            return base.Load(in word);
        Step(Access.Load, AddressOf(in word));
        return (uint)weak.Value(Running, new WatchedWord(AddressOf(in word), 4));
    }

    public override void Store(ref ulong word, ulong value)
    {
        if (weak is null || aborting)
        {
            base.Store(ref word, value);
            return;
        }

        Step(Access.Store, AddressOf(in word));
        Issue(new WatchedWord(AddressOf(in word), 8), value);
    }

    public override void Store(ref uint word, uint value)
    {
        if (weak is null || aborting)
        {
            base.Store(ref word, value);
            return;
        }

        Step(Access.Store, AddressOf(in word));
        Issue(new WatchedWord(AddressOf(in word), 4), value);
    }

    public override void WaitUntil(ref readonly ulong word, ulong mask, ulong value)
    {
        if (aborting)
            throw new ExecutionAbortedException(); // what is waited for may never come
        var awaited = new WatchedWord(AddressOf(in word), 8);
        var touch = new Touch(Table.Word(awaited.Address), 0, 0);
        Point(Access.Load, awaited.Address, touch, waits: true);
        if (awaited.Holds(mask, value))
            return;
        int me = Running;
        ref ActorState state = ref actors[me];
        (state.Awaited, state.Mask, state.Value, state.Pending) = (awaited, mask, value, touch);
        waiting |= 1u << me;
        ClosePart(-1, crashes: false);
        if (!TryChoose(out int next))
            throw new ExecutionAbortedException();
        if (next != me)
            HandOver(me, next);
        waiting &= ~(1u << me);
        weak?.Settle(me, awaited);
        Perform(me, touch, Access.Load);
    }

    public override void GoRound()
    {
        if (aborting)
            throw new ExecutionAbortedException(); // the loop may never end
        Step(Access.Fence, 0);
        int me = Running;
        ref ActorState state = ref actors[me];
        long others = writes - state.Writes;
        bool waits = others == state.RoundSaw;
        state.History = (state.History * 0x9E37_79B9_7F4A_7C15) + (waits ? 1ul : 2);
        if (waits)
        {
            (state.Awaited, state.Pending) = (default, default);
            waiting |= 1u << me;
            rounding |= 1u << me;
            ClosePart(-1, crashes: false);
            if (!TryChoose(out int next))
                throw new ExecutionAbortedException();
            if (next != me)
                HandOver(me, next);
            waiting &= ~(1u << me);
            rounding &= ~(1u << me);
            others = writes - actors[me].Writes;
        }

        actors[me].RoundSaw = others;
    }

    /// <summary>A choice of a weak memory order.</summary>
    internal int ChooseValue(int alternatives)
    {
        if (!deciding || aborting)
            return 0;
        int value = chooser.AtValue(this, alternatives);
        if (value != 0)
            values[decisionsAboutValues] = value;
        decisionsAboutValues++;
        return value;
    }

    internal int DecisionsAboutValues => decisionsAboutValues;

    /// <summary>From here on the execution is covered by others.</summary>
    internal void Cut() => deciding = false;

    /// <summary>A store has reached memory, now or long after its actor made it.</summary>
    /// <param name="actor">Whose it is.</param>
    /// <param name="word">Number of the word.</param>
    /// <param name="issued">Stands for the actor's steps up to the store.</param>
    internal void Arrived(int actor, int word, ulong issued)
    {
        var touch = new Touch(0, 0, word);
        NoteWrite(actor);
        Hash += Table.Record(actor, touch, issued);
        WakeSleepers(touch);
    }

    /// <summary>The running actor is about to make a step. When this returns, it makes it.</summary>
    private void Point(Access access, nuint address, in Touch touch, bool waits = false)
    {
        bool empties = weak is not null && (waits || weak.Empties(Running, access, address));
        if (deciding)
        {
            if (wrote && judgesSteps)
                Judge();
            if (chooser.EveryStep || Table.IsPoint(Running, touch) || (empties && weak!.HoldsPoint(Running, Table)))
                Decide(touch, empties);
        }

        if (++StepsSoFar > options.StepsPerExecution)
            Fail(new Finding("LIVELOCK", $"{Names[Running]} goes round: more than {options.StepsPerExecution} accesses"));
        stepsOfPart++;
        if (waits)
            weak?.Settle(Running, new WatchedWord(address, 8));
        else
            weak?.Before(Running, access, address);
        Perform(Running, touch, access);
        oracle?.Access(Running, access, address);
        Trace?.Invoke(Running, access, address);
    }

    private void Decide(in Touch touch, bool empties)
    {
        int me = Running;
        if (chooser.AtCrash(this))
        {
            Crash(me);
            return;
        }

        uint others = Runnable() & ~(1u << me) & ~sleeping;
        if (others == 0)
            return;
        int next = chooser.AtStep(this, others);
        if (next == me)
            return;
        preemptions++;
        if (chooser.Sleeps)
            sleeping |= 1u << me;
        (actors[me].Pending, actors[me].Empties) = (touch, empties);
        ClosePart(stepsOfPart, crashes: false);
        HandOver(me, next);
    }

    private void Crash(int me)
    {
        crashed |= 1u << me;
        ClosePart(stepsOfPart, crashes: true);
        if (!TryChoose(out int next))
            throw new ExecutionAbortedException();
        HandOver(me, next);
    }

    private void Perform(int actor, in Touch touch, Access access)
    {
        ref ActorState state = ref actors[actor];
        ulong before = state.History + (ulong)actor + 1;
        if (weak is not null && access == Access.Store)
        {
            state.History = Table.Issue(actor, touch.Written, before); // nobody else can tell before it arrives
        }
        else
        {
            if (touch.Written != 0)
                NoteWrite(actor);
            state.History = Table.Record(actor, touch, before);
        }

        Hash += state.History;
        WakeSleepers(touch);
    }

    /// <summary>The store that the running actor has just decided to make goes into its buffer.</summary>
    private void Issue(WatchedWord word, ulong value) =>
        weak!.Store(Running, new BufferedStore(word, value, Table.Word(word.Address), actors[Running].History));

    private void NoteWrite(int actor)
    {
        wrote = true;
        writes++;
        actors[actor].Writes++;
    }

    private void WakeSleepers(in Touch touch)
    {
        for (uint rest = sleeping; rest != 0; rest &= rest - 1)
        {
            int sleeper = BitOperations.TrailingZeroCount(rest);
            ref ActorState state = ref actors[sleeper];
            if (Table.Conflict(touch, state.Pending) || (weak?.Conflict(Table, touch, sleeper, state.Pending, state.Empties) ?? false))
                sleeping &= ~(1u << sleeper);
        }
    }

    /// <summary>Who could make a step.</summary>
    private uint Runnable()
    {
        uint runnable = alive & ~crashed;
        for (uint rest = waiting & runnable; rest != 0; rest &= rest - 1)
        {
            int actor = BitOperations.TrailingZeroCount(rest);
            ref ActorState state = ref actors[actor];
            if ((rounding & (1u << actor)) != 0)
            {
                if (writes - state.Writes == state.RoundSaw)
                    runnable &= ~(1u << actor);
                continue;
            }

            if (!state.Awaited.Holds(state.Mask, state.Value) && !(weak?.WillHold(actor, state.Awaited, state.Mask, state.Value) ?? false))
                runnable &= ~(1u << actor);
        }

        return runnable;
    }

    /// <summary>Chooses who goes on when the running actor cannot; false when nobody can or need.</summary>
    private bool TryChoose(out int next)
    {
        next = -1;
        uint runnable = Runnable();
        if (runnable == 0 && alive != 0 && crashed != 0 && !recovered)
        {
            recovered = true;
            Recover();
            runnable = Runnable();
        }

        if (runnable == 0)
        {
            if ((alive & ~crashed) != 0 && (crashed == 0 || program.Recover is not null))
                Record(new Finding("DEADLOCK", "everybody waits: " + string.Join(", ", Waiting())));
            else if (crashed != 0)
                EndAfterCrash();
            aborting |= alive != 0;
            return false;
        }

        uint awake = runnable & ~sleeping;
        if (awake == 0 && deciding)
            Cut();
        if (!deciding || awake == 0)
        {
            next = BitOperations.TrailingZeroCount(runnable);
            sleeping &= ~(1u << next);
            return true;
        }

        next = Follower(awake);
        return true;
    }

    private int Follower(uint awake) =>
        BitOperations.IsPow2(awake) && !chooser.AsksAlways ? BitOperations.TrailingZeroCount(awake) : chooser.AtSwitch(this, awake);

    /// <summary>Judges while the stack of the stopped actor still stands; unwinding it changes the memory.</summary>
    private void EndAfterCrash()
    {
        StepObserver.Current = null;
        if (Violation is null && deciding)
            JudgeEnd();
        judged = true;
        StepObserver.Current = this;
    }

    private void Recover()
    {
        StepObserver.Current = null;
        weak?.Drain();
        program.Recover?.Invoke();
        StepObserver.Current = this;
    }

    /// <summary>Gives the turn to another actor and returns when it has come back.</summary>
    private void HandOver(int me, int next)
    {
        ActorThread own = actors[me].Thread!;
        Resume(next);
        own.Wait();
        if (aborting)
            throw new ExecutionAbortedException();
    }

    private void ClosePart(int steps, bool crashes)
    {
        parts.Add(new SchedulePart(Running, steps, crashes));
        stepsOfPart = 0;
    }

    private IEnumerable<string> Waiting()
    {
        for (uint rest = waiting & alive; rest != 0; rest &= rest - 1)
        {
            int actor = BitOperations.TrailingZeroCount(rest);
            ActorState state = actors[actor];
            yield return (rounding & (1u << actor)) != 0
                ? $"{Names[actor]} for anything"
                : $"{Names[actor]} for (word & {state.Mask:x}) == {state.Value:x}, the word is {state.Awaited.Value:x}";
        }
    }

    private void Judge()
    {
        wrote = false;
        if (oracle?.Check(Running) is { } finding)
            Fail(finding);
    }

    private void Fail(Finding finding)
    {
        Record(finding);
        throw new ExecutionAbortedException();
    }

    private void Record(Finding finding)
    {
        if (stepsOfPart != 0)
            ClosePart(-1, crashes: false);
        Violation ??= new RaceViolation(finding.Message, finding.Invariant, StepsSoFar, FormatSchedule(), preemptions);
        aborting = true;
    }
}
