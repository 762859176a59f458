using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>Who frees page tables waits for the lock-free readers that were there before, and for no others.</summary>
public sealed class TableReadersTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
    private TableReaders readers;

    [Fact]
    public async Task Readers_ThatComeAndGoWithoutAPause_DoNotStarveTheWaiter()
    {
        using var first = new Reader(this);
        Task waiter = Task.Run(() => TableReaders.WaitForEarlier<Mainline>(ref readers), TestContext.Current.CancellationToken);
        SpinWait.SpinUntil(() => Volatile.Read(ref readers.Phase) != 0, Long);
        using var second = new Reader(this); // from here on there is a reader at every moment
        Assert.False(await EndsWithin(waiter, TimeSpan.FromMilliseconds(50)), "the reader that was there before is still there");
        first.Leave();
        Assert.True(await EndsWithin(waiter, Long), "the waiter waits for a reader that came after");
        second.Leave();
        Assert.Equal((0UL, 0UL), (readers.Even, readers.Odd));
    }

    [Fact]
    public async Task AReader_ThatLookedAtThePhaseBeforeItChanged_IsWaitedForByTheNext()
    {
        readers.Phase = 4;
        readers.Odd = 1; // counted late: by now its phase is over, and what it reads is what the next waiter unlinks
        Task waiter = Task.Run(() => TableReaders.WaitForEarlier<Mainline>(ref readers), TestContext.Current.CancellationToken);
        Assert.False(await EndsWithin(waiter, TimeSpan.FromMilliseconds(100)), "nobody waits for it");
        Volatile.Write(ref readers.Odd, 0);
        Assert.True(await EndsWithin(waiter, Long));
    }

    [Fact]
    public void WithoutReaders_NoPhaseIsNeeded()
    {
        TableReaders.WaitForEarlier<Mainline>(ref readers);
        Assert.Equal(0UL, readers.Phase);
    }

    [Fact]
    public void AReader_IsCountedOffWhenADamagedTableThrows()
    {
        Assert.Throws<InvalidOperationException>((Action)(() =>
        {
            using (TableReaders.Enter<Mainline>(ref readers))
                throw new InvalidOperationException();
        }));
        Assert.Equal((0UL, 0UL), (readers.Even, readers.Odd));
    }

    private static async Task<bool> EndsWithin(Task task, TimeSpan time) =>
        await Task.WhenAny(task, Task.Delay(time, TestContext.Current.CancellationToken)) == task;

    /// <summary>A reader in a thread of its own, until it is told to leave.</summary>
    private sealed class Reader : IDisposable
    {
        private readonly ManualResetEventSlim leave = new();
        private readonly Thread thread;

        internal Reader(TableReadersTests owner)
        {
            using var entered = new ManualResetEventSlim();
            thread = new Thread(() =>
            {
                using (TableReaders.Enter<Mainline>(ref owner.readers))
                {
                    entered.Set();
                    leave.Wait();
                }
            });
            thread.Start();
            entered.Wait();
        }

        public void Dispose()
        {
            Leave();
            leave.Dispose();
        }

        internal void Leave()
        {
            leave.Set();
            thread.Join();
        }
    }
}
