using PageTableEmu.Atomics;

namespace PageTableEmu.Explore.Tests;

/// <summary>Strategies, replay, deadlocks, livelocks, limits.</summary>
public sealed class ExplorerTests
{
    [Fact]
    public void LostUpdate_IsFoundWithOnePreemption_AndReplays()
    {
        ExploredProgram program = LostUpdate();
        ExplorationResult result = Explorer.Explore(program);
        RaceViolation violation = Assert.IsType<RaceViolation>(result.Violation);
        Assert.Equal(("LOST", 1, "A:1 B A"), (violation.Invariant, violation.Preemptions, violation.Schedule));
        ExplorationResult again = Explorer.Replay(program, violation.Schedule, null, null, out string? misfit);
        Assert.Null(misfit);
        Assert.Equal(violation, again.Violation);
        Assert.Null(Explorer.Replay(program, "A B").Violation);
        RaceFoundException thrown = Assert.Throws<RaceFoundException>(() => Explorer.Check(program));
        Assert.Equal(violation.Schedule, thrown.Schedule);
        Assert.EndsWith("replay: A:1 B A", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AtomicUpdate_IsClean_AndTheSearchEnds()
    {
        var words = new Words(1);
        ExplorationResult result = Explorer.Check(words.Program("0", () => words.Add(0, 1), () => words.Add(0, 1), () => words.Add(0, 1)));
        Assert.True(result.Exhausted);
        Assert.Equal(["3"], words.Outcomes);
    }

    [Theory]
    [InlineData(SearchStrategy.Random)]
    [InlineData(SearchStrategy.Pct)]
    public void StrategiesByChance_FindIt_AndItCanBeMinimised(SearchStrategy strategy)
    {
        ExploredProgram program = LostUpdate();
        var options = new ExplorerOptions { Strategy = strategy, MaxExecutions = 10_000, Seed = 7 };
        RaceViolation violation = Assert.IsType<RaceViolation>(Explorer.Explore(program, options).Violation);
        Assert.Equal(violation, Explorer.Explore(program, options).Violation); // the same seed finds the same
        RaceViolation least = Explorer.Minimize(program, violation);
        Assert.Equal((1, 3), (least.Preemptions, least.Schedule.Split(' ').Length));
        Assert.Equal(least, Explorer.Replay(program, least.Schedule).Violation);
    }

    [Fact]
    public void CrossedLocks_AreADeadlock()
    {
        var words = new Words(2);
        ExploredProgram program = words.Program("", () => Both(words, 0, 1), () => Both(words, 1, 0));
        RaceViolation violation = Assert.IsType<RaceViolation>(Explorer.Explore(program).Violation);
        Assert.Equal(("DEADLOCK", 1), (violation.Invariant, violation.Preemptions));
        Assert.Equal(violation, Explorer.Replay(program, violation.Schedule).Violation);
        Assert.Null(Explorer.Explore(words.Program("", () => Both(words, 0, 1), () => Both(words, 0, 1))).Violation);
    }

    [Fact]
    public void GoingRoundInsteadOfWaiting_IsALivelock()
    {
        var words = new Words(1);
        ExploredProgram program = words.Program("a", () =>
        {
            do
                words.Load('a', 0);
            while (words["a"] == 0);
        }, () => words.Store(0, 1));
        RaceViolation violation = Assert.IsType<RaceViolation>(Explorer.Explore(program, new ExplorerOptions { StepsPerExecution = 100 }).Violation);
        Assert.Equal(("LIVELOCK", 0), (violation.Invariant, violation.Preemptions));
        Assert.Null(Explorer.Explore(words.Program("", () => words.WaitFor(0, 1), () => words.Store(0, 1))).Violation);
    }

    [Fact]
    public void ExceptionOfAnActor_IsAViolation_AndTheExplorerCanBeUsedAgain()
    {
        var words = new Words(2);
        ExploredProgram program = words.Program("", () => words.Store(0, 1), () =>
        {
            words.Lock(1);
            words.Load('a', 0);
            if (words["a"] == 1)
                throw new InvalidOperationException("seen");
            words.Unlock(1);
        });
        for (int round = 0; round < 3; round++)
        {
            RaceViolation violation = Assert.IsType<RaceViolation>(Explorer.Explore(program).Violation);
            Assert.Equal(("EXCEPTION", 0), (violation.Invariant, violation.Preemptions));
            Assert.Contains("seen", violation.Symptom, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Bug_ThatNeedsThreePreemptions_IsFoundAtThree()
    {
        var words = new Words(2);
        ExploredProgram program = words.Program("", () =>
        {
            words.Store(0, 1);
            words.Store(0, 2);
            words.Store(0, 3);
        }, () =>
        {
            words.Load('a', 0);
            words.Load('b', 0);
            if (words["a"] == 1 && words["b"] == 2)
                throw new InvalidOperationException("both");
        });
        Assert.Null(Explorer.Explore(program, new ExplorerOptions { Preemptions = 2 }).Violation);
        Assert.Equal(3, Explorer.Explore(program).Violation?.Preemptions);
    }

    [Fact]
    public void Budgets_EndTheSearch()
    {
        var words = new Words(1);
        ExploredProgram program = words.Program("0", Six(words), Six(words), Six(words));
        ExplorationResult few = Explorer.Explore(program, new ExplorerOptions { MaxExecutions = 10 });
        Assert.Equal((10, false), (few.Executions, few.Exhausted));
        ExplorationResult steps = Explorer.Explore(program, new ExplorerOptions { MaxSteps = 100 });
        Assert.True(steps.Steps is >= 100 and < 140 && !steps.Exhausted);
        ExplorationResult time = Explorer.Explore(program, new ExplorerOptions { MaxTime = TimeSpan.Zero, Reduction = false, Preemptions = 9 });
        Assert.False(time.Exhausted);
    }

    [Fact]
    public void Misuse_IsRefused()
    {
        var words = new Words(1);
        ExploredProgram program = words.Program("", Six(words));
        Assert.Throws<ArgumentOutOfRangeException>(() => Explorer.Explore(program, new ExplorerOptions { Shard = 2, Shards = 2 }));
        Assert.Throws<ArgumentException>(() => Explorer.Explore(program, new ExplorerOptions { Crash = "Z" }));
        Assert.Throws<ArgumentException>(() => words.Program(""));
        Assert.Throws<FormatException>(() => Explorer.Replay(program, "A:x"));
        Assert.Throws<FormatException>(() => Explorer.Replay(program, "Q"));
    }

    [Theory]
    [InlineData("A:12 B C:3! A | 0=1 4=2")]
    [InlineData("A")]
    [InlineData("")]
    public void Schedules_AreReadAsTheyAreWritten(string line) =>
        Assert.Equal(line, Schedule.Parse(line, ["A", "B", "C"]).Format(["A", "B", "C"]));

    private static Action Six(Words words) => () =>
    {
        for (int index = 0; index < 6; index++)
            words.Add(0, 1);
    };

    private static void Both(Words words, int first, int second)
    {
        words.Lock(first);
        words.Lock(second);
        words.Unlock(second);
        words.Unlock(first);
    }

    private static ExploredProgram LostUpdate()
    {
        var memory = new Memory.WordMemory(1);
        void Count() => Atomic<ExploredModel>.Store(ref memory[0], Atomic<ExploredModel>.Load(ref memory[0]) + 1);
        return new ExploredProgram(memory, new Actor("A", Count), new Actor("B", Count))
        {
            AtEnd = () => memory[0] == 2 ? null : new Finding("LOST", $"the count is {memory[0]}"),
        };
    }
}
