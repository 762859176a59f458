using System.Diagnostics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>
/// Processes that store, load, fork and change their minds while two scanners merge their pages, a third thread reclaims and a fourth moves
/// pages to other frames.
/// </summary>
public class KsmConcurrencyTests
{
    private const int Pages = 24;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(1.5);

    /// <summary>How much longer to go on while nothing was seen merged: scanners get few turns on a busy host.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public async Task EveryProcess_LoadsWhatItStored(Backing backing)
    {
        using var rig = new KsmRig(backing);
        using var stop = new CancellationTokenSource();
        long merged = 0;
        Task Loop(Action action) => Task.Factory.StartNew(
            () =>
            {
                while (!stop.IsCancellationRequested)
                    action();
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        uint[] spaces = [rig.Process(Pages), rig.Process(Pages), rig.Process(Pages)];
        var random = new Random(1);
        var mover = new Random(2);
        long moved = 0;
        Task[] others =
        [
            Loop(() =>
            {
                rig.Machine.Ksm.Scan(2);
                Volatile.Write(ref merged, merged + spaces.Sum(rig.Machine.Ksm.MergedItems));
            }),
            Loop(() =>
            {
                rig.Machine.Ksm.Scan(20);
                Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll());
            }),
            Loop(() =>
            {
                rig.Machine.Reclaim(random.Next(1, 40));
                rig.Machine.Settle();
            }),
            Loop(() =>
            {
                Interlocked.Add(ref moved, rig.Machine.Migrate(spaces[mover.Next(3)], rig.Address(mover.Next(Pages - 4)), 4 * rig.PageSize).Moved);
                Thread.Sleep(1);
            }),
        ];
        Task[] workers = [.. spaces.Select((space, i) => Loop(new Worker(rig, space, i).Step))];
        Task all = Task.WhenAll([.. others, .. workers]);
        var clock = Stopwatch.StartNew();
        while (!all.IsCompleted && (clock.Elapsed < Duration || (Volatile.Read(ref merged) == 0 && clock.Elapsed < Patience)))
            await Task.WhenAny(all, Task.Delay(100, TestContext.Current.CancellationToken));
        await stop.CancelAsync();
        await all;

        Assert.True(merged > 0 && moved > 0, $"{merged} pages seen merged, {moved} pages moved");
        rig.Machine.Settle();
        rig.AssertSound();
        foreach (uint space in spaces)
            rig.Machine.Exit(space);
        rig.Machine.Ksm.Scan();
        rig.Machine.Settle();
        rig.AssertSound();
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll()); // a node whose items went before its frame is met by no scan of nobody
        Assert.Equal(0u, rig.Machine.Context.Ksm.Nodes.InUse);
    }

    /// <summary>Stores to a few pages all the time and to the others seldom, so that these come to rest.</summary>
    private sealed class Worker
    {
        private readonly KsmRig rig;
        private readonly uint space;
        private readonly Random random;
        private readonly byte[] content = new byte[Pages];

        public Worker(KsmRig rig, uint space, int seed)
        {
            this.rig = rig;
            this.space = space;
            random = new Random(seed);
            for (int page = 0; page < Pages; page++)
                rig.Fill(space, page, content[page] = (byte)random.Next(1, 4));
        }

        public void Step()
        {
            int page = random.Next(random.Next(200) == 0 ? Pages : Pages / 4);
            switch (random.Next(24))
            {
                case < 10:
                    content[page] = (byte)random.Next(1, 4);
                    rig.Fill(space, page, content[page]);
                    break;
                case < 20:
                    page = random.Next(Pages);
                    Assert.Equal(content[page], rig.Value(space, page));
                    break;
                case 20:
                    rig.Advise(space, random.Next(Pages), 1, Advice.Unmergeable);
                    break;
                case 21:
                    rig.Advise(space, 0, Pages, Advice.Mergeable);
                    break;
                case 22:
                    Fork();
                    break;
                default:
                    Thread.Sleep(2); // pages must rest for a scan or two
                    break;
            }
        }

        private void Fork()
        {
            uint child = rig.Machine.Fork(space);
            Assert.NotEqual(0u, child);
            rig.Fill(child, random.Next(Pages / 2), 9);
            for (int page = Pages / 2; page < Pages; page++)
                Assert.Equal(content[page], rig.Value(child, page));
            rig.Machine.Exit(child);
        }
    }
}
