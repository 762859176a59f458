using PageTableEmu.Arch.X64;
using PageTableEmu.Explore.Catalogue;
using PageTableEmu.Explore.Machines;

namespace PageTableEmu.Explore.Tests;

/// <summary>The ABA monitor: which rules let a fault find its entry unchanged although the slot was issued again meanwhile.</summary>
public sealed class ReuseMonitorTests
{
    /// <summary>Rules before and after the repair: what was read before the folio was locked or the slot pinned may be as old as it likes.</summary>
    [Theory]
    [InlineData("001-A", "copy-unlocked", true)]
    [InlineData("001-A", "linux-2.6.37", true)]
    [InlineData("001-A", "linux-6.18", false)] // the exclusive mark makes the new entry another one
    [InlineData("001-B", "unverified", true)]
    [InlineData("001-B", "linux-2.6.37", true)]
    [InlineData("001-C", "in-cache-only", true)]
    [InlineData("002-A", "no-pin", true)]
    [InlineData("002-A", "linux-6.18", true)]
    [InlineData("002-A", "always-cache", true)]
    [InlineData("SWAP-H06", "linux-6.18", false)] // nobody issues the slot again
    public void SlotIsIssuedAgain_BehindAFault(string name, string modelName, bool expected)
    {
        RaceEntry entry = RaceCatalogue.Find(name);
        using RaceScene scene = entry.Model(modelName).SetUp(entry);
        Assert.IsType<WatchedPages<X64FourLevel>>(scene.Program.Oracle).ReportsReuse = true;
        ExplorationResult result = Explorer.Explore(scene.Program, new ExplorerOptions { Preemptions = 1 });
        Assert.Equal(expected ? "I25" : null, result.Violation?.Invariant);
        Assert.Equal(!expected, result.Exhausted);
    }
}
