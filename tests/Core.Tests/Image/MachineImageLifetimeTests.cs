using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Platform;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Image;

public sealed class MachineImageLifetimeTests
{
    [Fact]
    public void NamedImages_AreSeenByEveryAttacher_AndDeletedByName()
    {
        ImageFixture.RequireSharedMemoryFolder();
        CheckSharing(ImageFixture.Named());
    }

    [Fact]
    public void ImagesInFiles_AreSeenByEveryAttacher_AndDeletedByPath() => ImageFixture.InFolder(folder => CheckSharing(ImageFixture.Files(folder)));

    [Fact]
    public void DetachedImages_KeepTheirState() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        uint frame;
        using (MachineImage image = MachineImage.Create(location, ImageFixture.Small()))
        {
            frame = new Folios<CheckedModel>(image).TryAllocateZeroed();
            image.FrameBytes(frame).Fill(0x5A);
        }

        using MachineImage again = MachineImage.Attach(location);
        var allocator = new Folios<CheckedModel>(again).Allocator;
        Assert.Equal(62u, allocator.FreeCount);
        Assert.Equal(-1, again.FrameBytes(frame).IndexOfAnyExcept((byte)0x5A));
        Assert.DoesNotContain(frame, FrameAllocatorTests.AllocateAll(allocator));
        Assert.Single(again.Processes);
    });

    [Fact]
    public void RamImage_IsFramesAndNothingElse() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        ImageFixture.WithImage(location, ImageFixture.Small(), image =>
        {
            uint frame = new Folios<CheckedModel>(image).TryAllocate();
            image.FrameBytes(frame)[5] = 0x77;
            image.RamWord(((ulong)frame << 12) + 16) = 0x0102_0304_0506_0708;
            using var stream = new FileStream(location.Ram, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] file = new byte[stream.Length];
            stream.ReadExactly(file);
            Assert.Equal(64 << 12, file.Length);
            Assert.Equal(0x77, file[(frame << 12) + 5]);
            Assert.Equal(0x08, file[(frame << 12) + 16]);
            Assert.Equal(9, file.Count(b => b != 0));
        });
    });

    [Fact]
    public void CreatingWhatExists_OrAttachingToWhatDoesNot_SaysSo() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        Assert.Equal(ImageStorageFailure.NotFound, Failure(() => MachineImage.Attach(location)));
        using (MachineImage.Create(location, ImageFixture.Small()))
        {
            Assert.Equal(ImageStorageFailure.Exists, Failure(() => MachineImage.Create(location, ImageFixture.Small())));
        }

        File.Delete(location.Metadata);
        Assert.Equal(ImageStorageFailure.Exists, Failure(() => MachineImage.Create(location, ImageFixture.Small())));
        Assert.False(File.Exists(location.Metadata)); // what a failed creation made, it removed
        Assert.True(File.Exists(location.Ram)); // what was there before, it left
        Assert.True(MachineImage.Delete(location));
        Assert.False(MachineImage.Delete(location));
        var nowhere = ImageLocation.Files(Path.Combine(folder, "no", "ram"), Path.Combine(folder, "no", "metadata"));
        Assert.Equal(ImageStorageFailure.NotFound, Failure(() => MachineImage.Create(nowhere, ImageFixture.Small())));
    });

    [Fact]
    public void DetachedImage_IsNotTouchedAgain()
    {
        MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        image.Dispose();
        image.Dispose();
        Assert.Throws<ObjectDisposedException>(() => image.RamWord(8));
        Assert.Throws<ObjectDisposedException>(() => image.Frame(1).RefCount);
        Assert.Throws<ObjectDisposedException>(() => image.FrameBytes(0).Length);
        Assert.Throws<ObjectDisposedException>(() => image.Record<FrameState>(MetadataRegion.FrameState, 0).Epoch);
        Assert.False(image.TryCommit(MetadataRegion.SwapSlots, 0));
    }

    /// <summary>What asks the map of committed storage found it unmapped, which ends a process instead of throwing.</summary>
    [Fact]
    public void DetachedImage_SaysSo_WhateverKindOfMemoryItHad() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        MachineImageOptions options = ImageFixture.Small();
        foreach (MachineImage image in new[] { MachineImage.CreatePrivate(options), MachineImage.Create(location, options) })
        {
            uint last = image.FrameCount - 1;
            image.Dispose();
            Assert.Throws<ObjectDisposedException>(() => image.CommittedFrames);
            Assert.Throws<ObjectDisposedException>(() => image.HasStorage(last));
            Assert.Throws<ObjectDisposedException>(() => image.TryCommitRam(0, 1));
        }
    });

    [Fact]
    public void DetachedMachine_IsNotVerified() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        var machine = Machine<X64FourLevel>.Create(location, ImageFixture.Small());
        machine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => machine.Verify().Count());
    });

    [Fact]
    public void Errors_SayWhatToDo() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        Assert.EndsWith("there is no such file or folder", Assert.Throws<ImageStorageException>(() => MachineImage.Attach(location)).Message);
        using var machine = Machine<X64FourLevel>.Create(location, ImageFixture.Small());
        var exists = Assert.Throws<ImageStorageException>(() => Machine<X64FourLevel>.Create(location, ImageFixture.Small()));
        Assert.EndsWith("attach to it or delete it first", exists.Message);
        ImageLocation copy = ImageLocation.Files(location.Ram + ".copy", location.Metadata);
        File.Copy(location.Ram, copy.Ram);
        Assert.Contains("AcceptCopiedRam", Assert.Throws<CorruptImageException>(() => MachineImage.Attach(copy)).Message, StringComparison.Ordinal);

        var none = Assert.Throws<ArgumentException>(() => machine.Map(1, 0x10000, 0x1000, VmaFlags.Read));
        Assert.Equal("space", none.ParamName);
        Assert.StartsWith("No address space 1 lives: none was created yet.", none.Message);
        var tiny = Assert.Throws<ArgumentOutOfRangeException>(() => machine.SwapOn(SwapAreaOptions.Zram(1), out _));
        Assert.StartsWith("An area has at least 2 slots", tiny.Message);
    });

    [Fact]
    public void Options_AreCheckedBeforeAnythingIsMade()
    {
        MachineImageOptions good = ImageFixture.Small();
        (MachineImageOptions Options, string Field)[] bad =
        [
            (good with { RamBytes = 65535 }, "RamBytes"),
            (good with { RamBytes = 0 }, "RamBytes"),
            (good with { RamBytes = (1 << 20) + 512 }, "RamBytes"),
            (good with { RamBytes = 1UL << 44 }, "RamBytes"),
            (good with { PageShift = 11 }, "PageShift"),
            (good with { PageShift = 17 }, "PageShift"),
            (good with { HugeShift = 17 }, "HugeShift"),
            (good with { HugeShift = 28 }, "HugeShift"),
            (good with { ReservedFrames = 0 }, "ReservedFrames"),
            (good with { ReservedFrames = 64 }, "ReservedFrames"),
            (good with { SwapClusterSlots = 32 }, "SwapClusterSlots"),
            (good with { SwapClusterSlots = 96 }, "SwapClusterSlots"),
            (good with { SwapClusterSlots = 1024 }, "SwapClusterSlots"),
        ];
        foreach ((MachineImageOptions options, string field) in bad)
            Assert.Equal(field, Assert.Throws<ArgumentOutOfRangeException>(() => MachineImage.CreatePrivate(options)).ParamName);
        foreach (string name in (string[])["", " ", "a/b", "..", ".x", "a b", new string('x', 201)])
            Assert.ThrowsAny<ArgumentException>(() => ImageLocation.Named(name));
        Assert.Throws<ArgumentException>(() => ImageLocation.Files("a", "./a"));
    }

    [Theory]
    [InlineData(16, 12, 21)]
    [InlineData(9, 13, 23)]
    [InlineData(4096, 12, 18)]
    [InlineData(100_000, 16, 29)]
    public void EveryRegion_HasRoomForItsRecords_AndNoneOverlap(ulong frames, int pageShift, int hugeShift)
    {
        var options = ImageFixture.Small() with { RamBytes = frames << pageShift, PageShift = pageShift, HugeShift = hugeShift };
        var layout = new ImageLayout(options);
        ulong end = layout.RegionsOffset;
        foreach (MetadataRegion region in Enum.GetValues<MetadataRegion>())
        {
            Assert.True(layout[region].Offset >= end && layout[region].Offset % 64 == 0);
            end = layout[region].Offset + (layout[region].Stride * layout[region].Capacity);
        }

        Assert.True(layout.MetadataBytes >= end);
        Assert.True(layout.Chunks << ImageLayout.ChunkShift >= layout.MetadataBytes);
        Assert.True(ImageLayout.MapsOffset + (layout.Areas / 8) <= layout.ChunkMapOffset
            && layout.ChunkMapOffset + (layout.Chunks / 8) <= layout.RegionsOffset);
        Assert.Equal(frames, layout[MetadataRegion.Frames].Capacity);
    }

    [Fact]
    public void SmallMachine_HasSmallMetadata_AndIsRestoredByCopying()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small() with { SwapStoreSlots = 0 });
        ulong areas = image.Stride(MetadataRegion.SwapAreas) * image.Capacity(MetadataRegion.SwapAreas); // as many for every machine
        Assert.InRange(image.MetadataBytes - areas, 1u, 44u << 10);
        var folios = new Folios<CheckedModel>(image);
        uint kept = folios.TryAllocateZeroed();
        image.FrameBytes(kept).Fill(1);
        byte[] ram = new byte[image.Options.RamBytes];
        byte[] metadata = new byte[image.MetadataBytes];
        image.CopyTo(ram, metadata);

        image.FrameBytes(kept).Fill(2);
        List<uint> rest = FrameAllocatorTests.AllocateAll(folios.Allocator);
        image.RestoreFrom(ram, metadata);
        Assert.Equal(62u, folios.Allocator.FreeCount);
        Assert.Equal(-1, image.FrameBytes(kept).IndexOfAnyExcept((byte)1));
        Assert.Equal(rest, FrameAllocatorTests.AllocateAll(folios.Allocator)); // the same future
        Assert.Throws<ArgumentException>(() => image.RestoreFrom(ram, metadata.AsSpan(1)));
    }

    [Fact]
    public void SharedMachine_IsNotCopiedAsAWhole() => ImageFixture.InFolder(folder =>
        ImageFixture.WithImage(ImageFixture.Files(folder), ImageFixture.Small(), image =>
            Assert.Throws<InvalidOperationException>(() => image.CopyTo(new byte[image.Options.RamBytes], new byte[image.MetadataBytes]))));

    [Fact]
    public void Registry_IsFull_TypedError_AndTakesTheRecordsOfTheDead() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        ImageFixture.WithImage(location, ImageFixture.Small(), image =>
        {
            List<MachineImage> attached = [.. Enumerable.Range(1, 63).Select(_ => MachineImage.Attach(location))];
            Assert.Equal(64, image.Processes.Count);
            Assert.All(image.Processes, process => Assert.True(process.IsAlive && process.Process == (uint)Environment.ProcessId));
            Assert.Throws<InvalidOperationException>(() => MachineImage.Attach(location));
            image.Record<ProcessRecord>(MetadataRegion.Processes, 40).Identity ^= 1; // the same number, started at another time: somebody who died
            Assert.Single(image.Processes, process => !process.IsAlive);
            attached.Add(MachineImage.Attach(location));
            Assert.All(image.Processes, process => Assert.True(process.IsAlive));
            foreach (MachineImage one in attached)
                one.Dispose();
            Assert.Single(image.Processes);
        });
    });

    private static ImageStorageFailure Failure(Func<MachineImage> action) => Assert.Throws<ImageStorageException>(action).Failure;

    private static void CheckSharing(ImageLocation location)
    {
        ImageFixture.WithImage(location, ImageFixture.Small(4096), first =>
        {
            using MachineImage second = MachineImage.Attach(location);
            Assert.Equal(first.Options, second.Options);
            Assert.Equal(2, first.Processes.Count);
            var one = new Folios<CheckedModel>(first);
            var two = new Folios<CheckedModel>(second);
            for (int round = 0; round < 1000; round++)
            {
                uint frame = one.TryAllocate();
                first.FrameBytes(frame).Fill((byte)round);
                Assert.Equal(1u, two.Table.References(frame));
                Assert.Equal(-1, second.FrameBytes(frame).IndexOfAnyExcept((byte)round));
            }

            Assert.Equal(4095u - 1000, two.Allocator.FreeCount);
            Assert.True(second.TryCommit(MetadataRegion.SwapSlots, 63));
            second.Record<ulong>(MetadataRegion.SwapSlots, 63) = 99;
            Assert.Equal(99ul, first.Record<ulong>(MetadataRegion.SwapSlots, 63));
        });
        Assert.Equal(ImageStorageFailure.NotFound, Failure(() => MachineImage.Attach(location)));
    }
}
