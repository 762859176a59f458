using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Catalogue;
using PageTableEmu.Explore.Machines;

namespace PageTableEmu.Explore.Tests;

/// <summary>The example of docs/exploring.md, word for word, and what it says of replaying.</summary>
public sealed class ExploringDocTests
{
    [Fact]
    public void Example_IsClean()
    {
        using var small = new ExploredMachine<X64FourLevel, ExploredModel>(slots: 1);
        uint space = small.CreateSpace(pages: 1);
        small.Poke(space, 0, 1);
        small.Machine.ReclaimAll();
        small.Watch(space, 0);
        var program = new ExploredProgram(
            small.Memory,
            new Actor("Reader", () => small.Load(space, 0)),
            new Actor("Writer", () => small.Store(space, 0, 2)),
            new Actor("Reclaim", () => small.PageOut(space, 0)))
        {
            Oracle = small.Pages,
            AtEnd = small.Verify,
        };
        ExplorationResult result = Explorer.Check(program, new ExplorerOptions { Preemptions = 1 });
        Assert.True(result.Exhausted);
    }

    [Fact]
    public void ScheduleThatExploringPrints_IsReplayed()
    {
        RaceEntry entry = RaceCatalogue.Find("002-A");
        RaceModel before = entry.Model("before");
        string line = Assert.IsType<RaceViolation>(entry.Explore(before).Violation).Schedule;
        Assert.Matches("^T0:[0-9]+ T1 R T0$", line); // as docs/exploring.md shows it
        Assert.Equal("G1", entry.Replay(before, line, out _).Violation?.Invariant);
    }
}
