using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>Scripts that turn on large folios of other sizes than the huge page.</summary>
public class FolioOrderScriptTests
{
    [Theory]
    [InlineData(Backend.Zram)]
    [InlineData(Backend.File)]
    public void A_script_with_orders_maps_swaps_and_brings_back_large_folios(Backend backend)
    {
        using IReplayMachine machine = new ReplayMachines().Create(backend);
        var session = new ReplaySession(machine);
        var row = new TraceRow();
        Run("orders 9 never", "orders 4 madvise", "maphuge A 64", "write A 5 17");
        Assert.Equal(16, Large());
        Run("read A 9");
        Assert.Equal((0L, 0L), (row.Outcome.Value, row.Outcome.MinorFaults));
        Run("write A 40 3", "fork 1", "@1 write A 6 99", "exit");
        Assert.Equal(32 - 1, LargeOf(1)); // process 1 copied one page
        Run("@1 pageout A 32 16");
        Assert.Equal((backend == Backend.Zram ? 16L : 1L, 0L), (row.UsedSlots, row.SwapIns)); // a split makes zero pages of zeros
        Run("@1 read A 40");
        Assert.Equal((3L, backend == Backend.Zram ? 1L : 0L), (row.Outcome.Value, row.Outcome.MajorFaults)); // a file's page is still cached
        Assert.Equal(backend == Backend.Zram ? 16 : 0, LargeIn(1, 32, 47));
        Assert.Equal(0, SwappedIn(1, 32, 47));
        Run("@1 orders 4 never", "@1 dontneed A 0 16", "@1 write A 3 8");
        Assert.Equal(0, LargeIn(1, 0, 15));
        Run("@1 reclaim", "swapoff", "@1 read A 40");
        Assert.Equal(3L, row.Outcome.Value);

        void Run(params string[] lines)
        {
            foreach (ScriptOperation operation in ScriptParser.Parse(lines))
            {
                Assert.True(session.Run(operation with { Number = row.Number + 1 }, row));
                Assert.Equal((operation.Text, 0), (operation.Text, row.Outcome.Error));
                Assert.Empty(machine.Verify());
            }
        }

        int Large() => LargeOf(0);
        int LargeOf(int process) => LargeIn(process, 0, 63);
        int LargeIn(int process, int first, int last) => Count(process, first, last, page => (page.Core & CoreFlags.Huge) != 0);
        int SwappedIn(int process, int first, int last) => Count(process, first, last, page => page.Kind == PageKind.Swapped);
        int Count(int process, int first, int last, Func<PageRun, bool> counts) => row.ProcessOf(process)!.Pages
            .Where(page => page.First >= first && page.Last <= last && counts(page))
            .Sum(page => page.Last - page.First + 1);
    }

    [Fact]
    public void An_order_that_the_machine_has_not_is_an_error()
    {
        using IReplayMachine machine = new ReplayMachines().Create(Backend.Zram);
        var session = new ReplaySession(machine);
        var row = new TraceRow();
        Assert.True(session.Run(ScriptParser.Parse(["orders 10 always"])[0], row));
        Assert.NotEqual(0, row.Outcome.Error);
    }
}
