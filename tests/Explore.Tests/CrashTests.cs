namespace PageTableEmu.Explore.Tests;

/// <summary>An actor stops for ever at any of its steps.</summary>
public sealed class CrashTests
{
    [Fact]
    public void OwnerOfALockDies_TheOthersGoOnAfterRecovery()
    {
        var words = new Words(2);
        int recoveries = 0;
        ExploredProgram program = Program(words, () =>
        {
            recoveries++;
            words[1] = 0; // whoever held it is dead
        });
        ExplorationResult result = Explorer.Check(program, new ExplorerOptions { Crash = "A", Preemptions = 1 });
        Assert.True(result.Exhausted);
        Assert.True(recoveries > 0);
        Assert.Contains("2", words.Outcomes); // both have counted, A perhaps died after that
        Assert.Contains("1", words.Outcomes); // A died before it had counted
    }

    [Fact]
    public void WithARecoveryThatForgetsTheLock_TheOthersWaitForEver()
    {
        var words = new Words(2);
        RaceViolation violation = Assert.IsType<RaceViolation>(
            Explorer.Explore(Program(words, static () => { }), new ExplorerOptions { Crash = "A", Preemptions = 0 }).Violation);
        Assert.Equal("DEADLOCK", violation.Invariant);
        Assert.Contains("!", violation.Schedule, StringComparison.Ordinal);
        Assert.Equal("DEADLOCK", Explorer.Replay(Program(words, static () => { }), violation.Schedule).Violation?.Invariant);
    }

    private static ExploredProgram Program(Words words, Action recover)
    {
        ExploredProgram plain = words.Program("0", Body, Body);
        return new ExploredProgram(plain.Memory, [.. plain.Actors]) { AtStart = plain.AtStart, AtEnd = plain.AtEnd, Recover = recover };

        void Body()
        {
            words.Lock(1);
            words.Add(0, 1);
            words.Unlock(1);
        }
    }
}
