using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.AtomicAccess;

public sealed class LockTests
{
    [Fact]
    public void WordLock_ExcludesThreads_AndNamesItsOwner()
    {
        ulong word = 0;
        int inside = 0;
        int worst = 0;
        long total = 0;
        Run(4, _ =>
        {
            for (int round = 0; round < 20_000; round++)
            {
                WordLock<CheckedModel>.Acquire(ref word);
                worst = Math.Max(worst, ++inside);
                Assert.Equal(Owner.Current, Volatile.Read(ref word));
                total++;
                inside--;
                WordLock<CheckedModel>.Release(ref word);
            }
        });
        Assert.Equal(80_000, total);
        Assert.Equal(1, worst);
        Assert.Equal(0ul, word);
    }

    [Fact]
    public void WordLock_TakenTwiceOrGivenBackByAStranger_IsToldInCheckedModels()
    {
        ulong word = 0;
        Assert.Throws<SynchronizationLockException>(() => WordLock<CheckedModel>.Release(ref word));
        WordLock<CheckedModel>.Acquire(ref word);
        Assert.False(WordLock<CheckedModel>.TryAcquire(ref word));
        Assert.Throws<SynchronizationLockException>(() => WordLock<CheckedModel>.Acquire(ref word));
        Assert.True(WordLock<CheckedModel>.IsHeld(ref word));
        Exception? stranger = null;
        var thread = new Thread(() => stranger = Record.Exception(() => WordLock<CheckedModel>.Release(ref word)));
        thread.Start();
        thread.Join();
        Assert.IsType<SynchronizationLockException>(stranger);
        WordLock<CheckedModel>.Release(ref word);
        Assert.True(WordLock<CheckedModel>.TryAcquire(ref word));
    }

    [Fact]
    public void ReadWriteLock_LetsReadersTogether_AndWritersAlone()
    {
        ulong writer = 0;
        ulong readers = 0;
        int value = 0;
        int mirror = 0;
        int torn = 0;
        Run(4, number =>
        {
            for (int round = 0; round < 10_000; round++)
            {
                if (number == 0)
                {
                    ReadWriteLock<CheckedModel>.AcquireWrite(ref writer, ref readers);
                    value++;
                    mirror++;
                    ReadWriteLock<CheckedModel>.ReleaseWrite(ref writer);
                }
                else
                {
                    ReadWriteLock<CheckedModel>.AcquireRead(ref writer, ref readers);
                    if (Volatile.Read(ref value) != Volatile.Read(ref mirror))
                        Interlocked.Increment(ref torn);
                    ReadWriteLock<CheckedModel>.ReleaseRead(ref readers);
                }
            }
        });
        Assert.Equal((10_000, 10_000, 0), (value, mirror, torn));
        Assert.Equal((0ul, 0ul), (writer, readers));
    }

    [Fact]
    public void Owners_DifferByThread_AndAreNeverZero()
    {
        var owners = new System.Collections.Concurrent.ConcurrentBag<ulong>();
        Run(4, _ => owners.Add(Owner.Current));
        Assert.Equal(4, owners.Distinct().Count());
        Assert.All(owners, owner =>
        {
            Assert.Equal((uint)Environment.ProcessId, (uint)(owner >> 32));
            Assert.NotEqual(0u, (uint)owner);
        });
    }

    private static void Run(int count, Action<int> body)
    {
        var errors = new System.Collections.Concurrent.ConcurrentBag<Exception>();
        Thread[] threads = [.. Enumerable.Range(0, count).Select(number => new Thread(() =>
        {
            if (Record.Exception(() => body(number)) is { } error)
                errors.Add(error);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Empty(errors);
    }
}
