using System.Collections.Concurrent;
using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Core.Tests.Image;

public sealed class FrameAllocatorTests
{
    [Theory]
    [InlineData(16, 1)]
    [InlineData(64, 1)]
    [InlineData(63, 7)]
    [InlineData(65, 64)]
    [InlineData(512, 1)]
    [InlineData(1500, 600)]
    [InlineData(5000, 1)]
    public void EveryFrame_IsHandedOutOnce_LowestFirst_AndAllComeBack(uint frames, uint reserved)
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(Math.Max(frames, 16)) with { ReservedFrames = reserved });
        var allocator = new Folios<CheckedModel>(image).Allocator;
        Assert.Equal(frames - reserved, allocator.FreeCount);
        for (int round = 0; round < 3; round++)
        {
            List<uint> all = AllocateAll(allocator);
            IEnumerable<uint> expected = Enumerable.Range((int)reserved, (int)(frames - reserved)).Select(i => (uint)i);
            Assert.Equal(expected, round == 0 ? all : all.Order());
            Assert.Equal(0u, allocator.FreeCount);
            foreach (uint frame in all)
                Release(image, allocator, frame);
            Assert.Equal(frames - reserved, allocator.FreeCount);
        }
    }

    [Fact]
    public void FrameForALongTermPin_IsHandedOutLast()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var allocator = new Folios<CheckedModel>(image).Allocator;
        uint free = allocator.FreeCount;
        Release(image, allocator, allocator.TryAllocate());
        allocator.AdvanceEpoch();
        uint pinned;
        using (FrameAllocator<CheckedModel>.SetPinning(true))
        {
            pinned = allocator.TryAllocate();
            using (FrameAllocator<CheckedModel>.SetPinning(false))
                Release(image, allocator, allocator.TryAllocate()); // of its own again within, as for who handles a userfault
        }

        Assert.NotEqual(0ul, image.Frame(pinned).Flags & (ulong)FrameFlags.Unmovable);
        Release(image, allocator, pinned);
        allocator.AdvanceEpoch();
        Assert.Equal(free, allocator.FreeCount);
        for (uint left = free; left > 1; left--)
            Assert.NotEqual(pinned, allocator.TryAllocate());
        Assert.Equal(pinned, allocator.TryAllocate());
        Assert.Equal(0ul, image.Frame(pinned).Flags & (ulong)FrameFlags.Unmovable);
        Assert.Equal(0u, allocator.TryAllocate());
    }

    [Fact]
    public void NewFrame_HasOneReference_AndAZeroRecordButForItsBirth()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var allocator = new Folios<CheckedModel>(image).Allocator;
        allocator.AdvanceEpoch();
        uint frame = allocator.TryAllocate();
        image.Frame(frame).Flags = ulong.MaxValue & ~(ulong)(FrameFlags.Free | FrameFlags.Unmovable);
        image.Frame(frame).Mapping = image.Frame(frame).Index = image.Frame(frame).Swap = 7;
        allocator.AdvanceEpoch();
        Release(image, allocator, frame);
        Assert.Equal(frame, allocator.TryAllocate());
        FrameRecord record = image.Frame(frame);
        Assert.Equal(2u, record.Birth);
        Assert.Equal(1u, record.RefCount);
        record.Birth = record.RefCount = 0;
        Assert.Equal(default, record);
    }

    [Fact]
    public void FrameFreedLast_IsHandedOutFirst()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var allocator = new Folios<CheckedModel>(image).Allocator;
        uint[] taken = [.. Enumerable.Range(0, 10).Select(_ => allocator.TryAllocate())];
        allocator.AdvanceEpoch();
        foreach (int index in (int[])[3, 7, 1])
            Release(image, allocator, taken[index]);
        Assert.Equal([taken[1], taken[7], taken[3], 11u], Enumerable.Range(0, 4).Select(_ => allocator.TryAllocate()));
    }

    [Fact]
    public void FrameFreedInTheEpochOfItsBirth_WaitsForTheNext_ThenComesFirst()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        var allocator = new Folios<CheckedModel>(image).Allocator;
        uint old = allocator.TryAllocate();
        allocator.AdvanceEpoch();
        uint young = allocator.TryAllocate();
        uint younger = allocator.TryAllocate();
        Release(image, allocator, young);
        Release(image, allocator, old);
        Release(image, allocator, younger);
        Assert.Equal(old, allocator.TryAllocate());
        Assert.Equal(4u, allocator.TryAllocate());
        allocator.AdvanceEpoch();
        Assert.Equal([younger, young, 5u], Enumerable.Range(0, 3).Select(_ => allocator.TryAllocate()));
    }

    [Fact]
    public void DeferredFrames_AreHandedOut_WhenNothingElseIsLeft()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(4096));
        var allocator = new Folios<CheckedModel>(image).Allocator;
        List<uint> all = AllocateAll(allocator);
        foreach (uint frame in all) // more than a cache and its deferred list keep
            Release(image, allocator, frame);
        Assert.Equal(4095u, allocator.FreeCount);
        Assert.Equal(all, AllocateAll(allocator).Order());
    }

    [Fact]
    public void OtherProcessorsCaches_DoNotMakeAllocationFail()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(256));
        var allocator = new Folios<CheckedModel>(image).Allocator;
        List<uint> all = AllocateAll(allocator);
        for (int index = 0; index < all.Count; index++)
        {
            if (index == all.Count / 2)
                allocator.AdvanceEpoch(); // the first half was deferred and is now in the caches, the second is cached at once
            uint frame = all[index];
            OnThreadNumbered((uint)(index % 5) + 1000, () => Release(image, allocator, frame));
        }

        Assert.Equal(255u, allocator.FreeCount);
        Assert.Equal(all, AllocateAll(allocator).Order());
    }

    [Fact]
    public void CacheOfADeadOwner_IsLeftAlone_AndTheRestIsHandedOut()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(256));
        var allocator = new Folios<CheckedModel>(image).Allocator;
        OnThreadNumbered(5, () => Release(image, allocator, AllocateBetweenEpochs(allocator)));
        uint cached = image.Record<FrameCache>(MetadataRegion.FrameCaches, 5).Frames.Count;
        image.Record<FrameCache>(MetadataRegion.FrameCaches, 5).Lock = (0x7FFF_FFF0UL << 32) | 1; // above every process number Linux gives
        Assert.Equal(255u - cached, (uint)AllocateAll(allocator).Count);
        Assert.True(cached > 1);
    }

    [Fact]
    public void Blocks_AreAligned_Lowest_AndMayBeSplit()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(2500) with { ReservedFrames = 3 });
        var allocator = new Folios<CheckedModel>(image).Allocator;
        Assert.Equal(512u, allocator.BlockFrames);
        // not the reserved one, not the short one
        Assert.Equal([512u, 1024u, 1536u, 0u], Enumerable.Range(0, 4).Select(_ => allocator.TryAllocateBlock()));
        Assert.Equal(2500u - 3 - 1536, allocator.FreeCount);
        Assert.Equal(1u, image.Frame(512).RefCount);
        Assert.Equal(0u, image.Frame(513).RefCount);

        Unreference(image, 1024);
        allocator.FreeBlock(1024);
        Assert.Throws<ArgumentException>(() => allocator.FreeBlock(1024));
        Assert.Throws<ArgumentException>(() => allocator.FreeBlock(1025));
        Assert.Equal(1024u, allocator.TryAllocateBlock());

        allocator.SplitBlock(512);
        Unreference(image, 512);
        for (uint frame = 512; frame < 1024; frame++)
            allocator.Free(frame);
        Assert.Equal(512u, allocator.TryAllocateBlock()); // the caches and the epoch give way
        Assert.Equal(2500u - 3 - 1536, allocator.FreeCount);
        Assert.Equal(2500 - 3 - 1536, AllocateAll(allocator).Count);
    }

    [Fact]
    public void FragmentedAreas_GiveNoBlock_UntilTheLastFrameIsBack()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(2048));
        var allocator = new Folios<CheckedModel>(image).Allocator;
        List<uint> all = AllocateAll(allocator);
        foreach (uint frame in all.Where(f => f % 512 != 77))
            Release(image, allocator, frame);
        Assert.Equal(0u, allocator.TryAllocateBlock());
        Release(image, allocator, 1024 + 77);
        Assert.Equal(1024u, allocator.TryAllocateBlock());
        Assert.Equal(0u, allocator.TryAllocateBlock());
    }

    [Fact]
    public void Misuse_IsToldWithTheFrame()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small() with { ReservedFrames = 4 });
        var allocator = new Folios<CheckedModel>(image).Allocator;
        uint frame = allocator.TryAllocate();
        Assert.Contains("has 1 references", Assert.Throws<ArgumentException>(() => allocator.Free(frame)).Message, StringComparison.Ordinal);
        Release(image, allocator, frame);
        Assert.Equal("Frames", Assert.Throws<CorruptImageException>(() => allocator.Free(frame)).Field);
        Assert.Throws<ArgumentException>(() => allocator.Free(3));
        Assert.Throws<CorruptImageException>(() => allocator.Free(0));
        Assert.Throws<CorruptImageException>(() => allocator.Free(64));
    }

    /// <summary>Against a set of frames as the model: nothing is handed out twice, nothing fails that could succeed, every count is right.</summary>
    [Fact]
    public void AnyHistory_AgreesWithASet() => Prop.ForAll((byte[] script) =>
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(200) with { HugeShift = 18 });
        var allocator = new Folios<CheckedModel>(image).Allocator;
        var held = new List<uint>();
        var blocks = new List<uint>();
        foreach (byte step in script.SelectMany(b => new[] { b, (byte)(b * 7), (byte)(b * 31) }))
            OnThreadNumbered((step % 3u) + 1, () => Step(image, allocator, held, blocks, step));
        Assert.Equal(199u - (uint)held.Count - (64 * (uint)blocks.Count), allocator.FreeCount);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void FourThreads_NeverHoldTheSameFrame_AndLoseNone()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(3000));
        var allocator = new Folios<CheckedModel>(image).Allocator;
        var errors = new ConcurrentQueue<string>();
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(seed => new Thread(() => Churn(image, allocator, seed, errors)))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Empty(errors);
        Assert.Equal(2999u, allocator.FreeCount);
        Assert.Equal(2999, AllocateAll(allocator).Distinct().Count());
    }

    [Fact]
    public void ThreadsThatShareOneCache_AllGetFrames_AndLoseNone()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(1000));
        var allocator = new Folios<CheckedModel>(image).Allocator;
        var errors = new ConcurrentQueue<string>();
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            Owner.Thread = 64 * ((uint)seed + 1); // all the same cache
            Churn(image, allocator, seed, errors);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Empty(errors);
        Assert.Equal(999u, allocator.FreeCount);
    }

    internal static List<uint> AllocateAll<TModel>(FrameAllocator<TModel> allocator)
        where TModel : IModel
    {
        var all = new List<uint>();
        for (uint frame; (frame = allocator.TryAllocate()) != 0;)
            all.Add(frame);
        return all;
    }

    internal static void Release<TModel>(MachineImage image, FrameAllocator<TModel> allocator, uint frame)
        where TModel : IModel
    {
        Unreference(image, frame);
        allocator.Free(frame);
    }

    internal static void Churn<TModel>(
        MachineImage image, FrameAllocator<TModel> allocator, int seed, ConcurrentQueue<string> errors, int rounds = 40_000)
        where TModel : IModel
    {
        var random = new Random(seed);
        var held = new List<uint>();
        ulong mark = ((ulong)Environment.ProcessId << 32) | ((uint)seed + 1);
        for (int round = 0; round < rounds && errors.IsEmpty; round++)
        {
            if (random.Next(100) < 50 && held.Count < 200)
            {
                uint frame = random.Next(500) == 0 ? AllocateSplitBlock(image, allocator, held, mark) : allocator.TryAllocate();
                if (frame == 0)
                    continue;
                held.Add(frame);
                image.RamWord((ulong)frame << 12) = mark;
            }
            else if (held.Count != 0)
            {
                int index = random.Next(held.Count);
                uint frame = held[index];
                held.RemoveAt(index);
                if (image.RamWord((ulong)frame << 12) != mark || image.Frame(frame).RefCount != 1)
                    errors.Enqueue($"frame {frame}: marked {image.RamWord((ulong)frame << 12):x}, {image.Frame(frame).RefCount} references");
                Release(image, allocator, frame);
            }

            if (random.Next(1000) == 0)
                allocator.AdvanceEpoch();
        }

        foreach (uint frame in held)
            Release(image, allocator, frame);
    }

    private static uint AllocateSplitBlock<TModel>(MachineImage image, FrameAllocator<TModel> allocator, List<uint> held, ulong mark)
        where TModel : IModel
    {
        uint block = allocator.TryAllocateBlock();
        if (block == 0)
            return 0;
        allocator.SplitBlock(block);
        for (uint frame = block + 1; frame < block + allocator.BlockFrames; frame++)
        {
            image.Frame(frame).RefCount = 1;
            image.RamWord((ulong)frame << 12) = mark;
            held.Add(frame);
        }

        return block;
    }

    private static void Step(MachineImage image, FrameAllocator<CheckedModel> allocator, List<uint> held, List<uint> blocks, byte step)
    {
        switch (step % 16)
        {
            case < 8:
                uint frame = allocator.TryAllocate();
                Assert.Equal(held.Count + (64 * blocks.Count) == 199, frame == 0);
                Assert.DoesNotContain(frame, held);
                Assert.DoesNotContain(blocks, block => frame >= block && frame < block + 64);
                if (frame != 0)
                    held.Add(frame);
                break;
            case < 12 when held.Count != 0:
                Release(image, allocator, held[step % held.Count]);
                held.RemoveAt(step % held.Count);
                break;
            case 12 when blocks.Count != 0:
                Unreference(image, blocks[0]);
                allocator.FreeBlock(blocks[0]);
                blocks.RemoveAt(0);
                break;
            case 13:
                uint[] free = [.. Enumerable.Range(1, 2).Select(area => (uint)area * 64)
                    .Where(start => !blocks.Contains(start) && !held.Any(f => f >= start && f < start + 64))];
                uint block = allocator.TryAllocateBlock();
                Assert.True(free.Length == 0 ? block == 0 : free.Contains(block)); // which one depends on what lies in caches
                if (block != 0)
                    blocks.Add(block);
                break;
            case 14:
                allocator.AdvanceEpoch();
                break;
            default:
                allocator.ReturnCaches();
                break;
        }
    }

    private static uint AllocateBetweenEpochs(FrameAllocator<CheckedModel> allocator)
    {
        uint frame = allocator.TryAllocate();
        allocator.AdvanceEpoch();
        return frame;
    }

    private static void Unreference(MachineImage image, uint frame) => image.Frame(frame).RefCount = 0;

    private static void OnThreadNumbered(uint number, Action action)
    {
        uint own = Owner.Thread;
        Owner.Thread = number;
        try
        {
            action();
        }
        finally
        {
            Owner.Thread = own;
        }
    }
}
