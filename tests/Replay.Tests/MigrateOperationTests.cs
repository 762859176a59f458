using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Scripts;

namespace PageTableEmu.Replay.Tests;

/// <summary>The operations that only the emulator performs, or performs with a certain outcome.</summary>
public class MigrateOperationTests
{
    [Theory]
    [InlineData(Backend.Zram)]
    [InlineData(Backend.File)]
    public void Migrate_MovesWhatIsThere_AndEveryStepIsSound(Backend backend)
    {
        string[] script =
        [
            "map A 8", "write A 0 1", "write A 1 2", "write A 2 3", "pageout A 2 1", "read A 5", "migrate A 0 8", "read A 0", "fork 1",
            "@1 migrate A 0 2", "@1 write A 0 9", "read A 0", "mlock A 0 2", "migrate A 0 2", "reclaim", "migrate A 0 8", "read A 1", "compact",
            "swapoff", "migrate A 0 8", "read A 2", "mapshm B 4", "write B 1 7", "migrate B 0 4", "read B 1", "exit", "@1 read A 0",
        ];
        (long Value, int Error)[] outcomes = Run(backend, script);
        Assert.All(outcomes, outcome => Assert.Equal(0, outcome.Error));
        Assert.Equal(2, outcomes[6].Value); // one is in swap, one is the zero page, the others are nothing
        Assert.Equal(1, outcomes[7].Value);
        Assert.Equal(2, outcomes[9].Value);
        Assert.Equal(1, outcomes[11].Value);
        Assert.Equal(3, outcomes[20].Value);
        Assert.Equal(1, outcomes[23].Value);
        Assert.Equal(7, outcomes[24].Value);
        Assert.Equal(9, outcomes[26].Value);
    }

    [Fact]
    public void Migrate_OfAPinnedPage_IsBusy_AndGoesOnWithTheOthers()
    {
        (long Value, int Error)[] outcomes = Run(
            Backend.Zram, ["map A 3", "write A 0 1", "write A 1 2", "pin 0 A 0 1", "migrate A 0 2", "unpin 0", "migrate A 0 2", "read A 1"]);
        Assert.Equal((-1, 16), (outcomes[4].Value, outcomes[4].Error));
        Assert.Equal((2, 0), (outcomes[6].Value, outcomes[6].Error));
        Assert.Equal(2, outcomes[7].Value);
    }

    private static (long Value, int Error)[] Run(Backend backend, string[] script)
    {
        using IReplayMachine machine = new ReplayMachines().Create(backend);
        var outcomes = new List<(long, int)>();
        foreach (ScriptOperation operation in ScriptParser.Parse(script))
        {
            OperationOutcome outcome = machine.Execute(operation);
            Assert.False(outcome.IsNotSupported, operation.Text);
            Assert.Empty(machine.Verify());
            outcomes.Add((outcome.Value, outcome.Error));
        }

        return [.. outcomes];
    }
}
