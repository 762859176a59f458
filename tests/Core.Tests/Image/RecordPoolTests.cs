using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Core.Tests.Image;

public sealed class RecordPoolTests
{
    [Fact]
    public void Records_AreZeroed_Ascending_AndReusedLastFirst()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var pool = new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.Vmas);
        Assert.Equal([1u, 2u, 3u], Enumerable.Range(0, 3).Select(_ => pool.TryAllocate()));
        pool[2].Index = 9;
        pool.Free(2);
        pool.Free(1);
        Assert.Equal([1u, 2u], pool.ReadFree());
        Assert.Equal([3u], pool.ReadLive());
        Assert.Equal([1u, 2u, 4u], Enumerable.Range(0, 3).Select(_ => pool.TryAllocate()));
        Assert.Equal(default, pool[2]);
        Assert.Equal(4u, pool.HighWater);
    }

    [Fact]
    public void ExhaustedPool_GivesZero_AndNumbersOutsideItAreRefused()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var pool = new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.Vmas);
        Assert.Equal(Enumerable.Range(1, 16).Select(n => (uint)n).Append(0u), Enumerable.Range(0, 17).Select(_ => pool.TryAllocate()));
        Assert.Equal("Vmas", Assert.Throws<CorruptImageException>(() => pool[0].Index).Field);
        Assert.Throws<CorruptImageException>(() => pool[17].Index);
        Assert.Throws<ArgumentException>(() => new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.SwapOverflow)); // 16 bytes a record
        Assert.Throws<ArgumentException>(() => new RecordPool<CheckedModel, ushort>(image, MetadataRegion.SwapOverflow)); // no room for the link
    }

    [Fact]
    public void DamagedList_IsToldWithTheRegion()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var pool = new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.Vmas);
        for (int count = 0; count < 3; count++)
            pool.TryAllocate();
        pool.Free(2);
        pool.Free(3);
        ref ulong head = ref image.Record<ulong>(MetadataRegion.PoolHeads, (ulong)MetadataRegion.Vmas);
        ulong good = head;
        head = (good & ~0xFFFF_FFFFUL) | 5; // never handed out
        Assert.Contains("record 5", Assert.Throws<CorruptImageException>(pool.ReadFree).Message, StringComparison.Ordinal);
        head = (good & ~0xFFFF_FFFFUL) | 4000;
        Assert.Throws<CorruptImageException>(() => pool.TryAllocate());
        head = good;
        pool[2].RefCount = 3; // a cycle: the link is the first word
        Assert.Contains("comes back", Assert.Throws<CorruptImageException>(pool.ReadLive).Message, StringComparison.Ordinal);
        pool[2].RefCount = 0;
        head = (good & ~0xFFFF_FFFFUL) | 2; // record 3 is lost
        Assert.Contains("in use", Assert.Throws<CorruptImageException>(pool.ReadLive).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyHistory_AgreesWithASet() => Prop.ForAll((bool[] script) =>
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var pool = new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.Vmas);
        var live = new SortedSet<uint>();
        foreach (bool allocate in script)
        {
            if (allocate)
            {
                uint number = pool.TryAllocate();
                Assert.Equal(live.Count == 16, number == 0);
                Assert.True(number == 0 || live.Add(number));
                if (number != 0)
                    pool[number].Flags = ulong.MaxValue;
            }
            else if (live.Count != 0)
            {
                uint number = live.ElementAt(live.Count / 2);
                pool.Free(number);
                live.Remove(number);
            }
        }

        Assert.Equal(live, pool.ReadLive());
        Assert.Equal((uint)live.Count, pool.InUse);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void FourThreads_NeverHoldTheSameRecord_AndLoseNone()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small() with { Vmas = 100 });
        var pool = new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.Vmas);
        int doubles = 0;
        Thread[] threads = [.. Enumerable.Range(1, 4).Select(mark => new Thread(() =>
        {
            var random = new Random(mark);
            var held = new Queue<uint>();
            for (int round = 0; round < 100_000; round++)
            {
                uint number = held.Count < 30 && random.Next(2) == 0 ? pool.TryAllocate() : 0;
                if (number != 0)
                {
                    if (pool[number].Index != 0)
                        Interlocked.Increment(ref doubles);
                    pool[number].Index = (ulong)mark;
                    held.Enqueue(number);
                }
                else if (held.TryDequeue(out number))
                {
                    if (pool[number].Index != (ulong)mark)
                        Interlocked.Increment(ref doubles);
                    pool.Free(number);
                }
            }

            foreach (uint number in held)
                pool.Free(number);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Equal(0, doubles);
        Assert.Empty(pool.ReadLive());
        Assert.Equal((int)pool.HighWater, pool.ReadFree().Count);
    }
}
