using System.Diagnostics;
using Mono.Unix.Native;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Platform;

namespace PageTableEmu.Core.Tests.Image;

/// <summary>What images really use, and what happens when there is no more of it.</summary>
public sealed class StorageTests
{
    private const ulong Huge = 256UL << 30;

    [Fact]
    public void ImageOf256GiB_InSharedMemory_UsesWhatIsTouched()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "named sections have no file whose blocks could be counted");
        ImageFixture.RequireSharedMemoryFolder();
        ImageLocation location = ImageFixture.Named();
        CheckSparse(location, "/dev/shm/" + location.Ram, "/dev/shm/" + location.Metadata);
    }

    [Fact]
    public void ImageOf256GiB_InFiles_UsesWhatIsTouched()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "blocks of a file are counted by a POSIX call");
        ImageFixture.InFolder(folder =>
        {
            ImageLocation location = ImageFixture.Files(folder);
            CheckSparse(location, location.Ram, location.Metadata);
        });
    }

    [Fact]
    public void PrivateImageOf256GiB_IsAddressSpaceOnly()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "resident memory is read from /proc");
        long before = Resident();
        using MachineImage image = MachineImage.CreatePrivate(new MachineImageOptions { RamBytes = Huge });
        var folios = new Folios<CheckedModel>(image);
        for (int count = 0; count < 1000; count++)
            Assert.NotEqual(0u, folios.TryAllocateZeroed());
        image.RamWord(Huge - 8) = 1;
        image.Frame(image.FrameCount - 1).Flags = 1;
        Assert.InRange(Resident() - before, -(256L << 20), 256L << 20); // other tests run in this process meanwhile; the image is 260 GiB
    }

    /// <summary>A file system of 8 MiB under a machine of 1 GiB: the allocator ends where the storage does, and nothing dies.</summary>
    [Theory]
    [InlineData("size=8m")]
    [InlineData("size=3m")]
    public void FullFileSystem_EndsAllocation_AndRaisesNoSignal(string size) => OnSmallFileSystem(size, folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        var options = new MachineImageOptions { RamBytes = 1UL << 30, SwapSlots = 1 << 20, SwapStoreSlots = 1 << 20 };
        ImageFixture.WithImage(location, options, image =>
        {
            var folios = new Folios<CheckedModel>(image);
            List<uint> all = [];
            for (uint frame; (frame = folios.TryAllocate()) != 0;)
            {
                folios.Table.Bytes(frame).Fill(0xA5);
                all.Add(frame);
            }

            Assert.InRange(all.Count, 1, 2047);
            Assert.Equal((int)(image.CommittedFrames - 1), all.Count);
            Assert.Equal(0u, folios.Allocator.TryAllocateBlock());
            CheckFullRegions(image);
            Assert.Throws<CorruptImageException>(() => image.FrameBytes(image.CommittedFrames).Length);
            Assert.Throws<CorruptImageException>(() => image.RamWord((ulong)image.CommittedFrames << 12));
            Assert.Equal((ulong)all.Count * 4096, Sum(all, image));

            foreach (uint frame in all)
                folios.Put(frame);
            Assert.Equal(all, FrameAllocatorTests.AllocateAll(folios.Allocator).Order());
        });
    });

    [Fact]
    public void FileSystemTooSmallForTheHeader_IsATypedError_AndLeavesNothing() => OnSmallFileSystem("size=16k", folder =>
    {
        var error = Assert.Throws<ImageStorageException>(() => MachineImage.Create(ImageFixture.Files(folder),
            new MachineImageOptions { RamBytes = 1 << 30 }));
        Assert.Equal(ImageStorageFailure.Full, error.Failure);
        Assert.Empty(Directory.GetFiles(folder));
    });

    [Fact]
    public void StorageFreedElsewhere_LetsTheAllocatorGoOn() => OnSmallFileSystem("size=8m", folder =>
    {
        string ballast = Path.Combine(folder, "ballast");
        File.WriteAllBytes(ballast, new byte[3 << 20]);
        ImageFixture.WithImage(ImageFixture.Files(folder), new MachineImageOptions { RamBytes = 1UL << 30 }, image =>
        {
            var allocator = new Folios<CheckedModel>(image).Allocator;
            int before = FrameAllocatorTests.AllocateAll(allocator).Count;
            File.Delete(ballast);
            Assert.InRange(FrameAllocatorTests.AllocateAll(allocator).Count, 1, 1024);
            Assert.InRange(before, 1, 1023);
        });
    });

    private static void CheckFullRegions(MachineImage image)
    {
        ulong committed = 0;
        while (image.TryCommit(MetadataRegion.SwapStore, committed))
            image.RecordBytes(MetadataRegion.SwapStore, committed++).Fill(1);
        Assert.InRange(committed, 0u, 2048u);
        Assert.False(image.TryCommit(MetadataRegion.SwapSlots, (1 << 20) - 1));
        Assert.Equal(
            ImageStorageFailure.Full,
            Assert.Throws<ImageStorageException>(() => image.Record<ulong>(MetadataRegion.SwapSlots, (1 << 20) - 1)).Failure);
        Assert.Equal(0u, FillPool(image));
    }

    /// <summary>Allocates address-space records of a pool that has room for many, until the storage is full.</summary>
    private static uint FillPool(MachineImage image)
    {
        var pool = new RecordPool<CheckedModel, FrameRecord>(image, MetadataRegion.AnonVmaChains);
        uint last = 1;
        for (uint count = 0; last != 0 && count < pool.Capacity; count++)
            last = pool.TryAllocate();
        Assert.Equal(pool.InUse, (uint)pool.ReadLive().Count);
        return last;
    }

    private static ulong Sum(List<uint> frames, MachineImage image) =>
        (ulong)frames.Sum(frame => image.FrameBytes(frame).IndexOfAnyExcept((byte)0xA5) < 0 ? 4096L : 0);

    private static void CheckSparse(ImageLocation location, string ram, string metadata) =>
        ImageFixture.WithImage(location, new MachineImageOptions { RamBytes = Huge }, image =>
        {
            Assert.Equal((long)Huge, new FileInfo(ram).Length);
            long empty = Used(ram) + Used(metadata);
            Assert.InRange(empty, 1, 1 << 20);

            var folios = new Folios<CheckedModel>(image);
            for (int count = 0; count < 1000; count++)
                Assert.NotEqual(0u, folios.TryAllocateZeroed());
            Assert.True(image.TryCommitRam(Huge - 4096, 4096)); // the last frame of all
            image.RamWord(Huge - 8) = 1;
            image.Frame(image.FrameCount - 1).Flags = 1;
            Assert.Equal(image.FrameCount, image.CommittedFrames);
            Assert.False(image.HasStorage(image.FrameCount / 2));
            Assert.InRange(Used(ram), 3 * (2 << 20), (3 * (2 << 20)) + 65536); // two areas that the allocator reached, and the last
            Assert.InRange(Used(metadata), 1, 2 << 20);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"empty {empty}, then RAM {Used(ram)}, metadata {Used(metadata)} of {image.MetadataBytes}");

            using MachineImage second = MachineImage.Attach(location);
            Assert.Equal(1ul, second.RamWord(Huge - 8));
            Assert.Equal(image.FrameCount - 1 - 1000, new Folios<CheckedModel>(second).Allocator.FreeCount);
        });

    private static long Used(string path) => Syscall.stat(path, out Stat stat) == 0 ? stat.st_blocks * 512 : throw new IOException(path);

    private static long Resident() => long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], null) * Environment.SystemPageSize;

    private static void OnSmallFileSystem(string options, Action<string> action)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Syscall.geteuid() == 0, "mounting a small file system needs Linux and root");
        ImageFixture.InFolder(folder =>
        {
            string mount = Path.Combine(folder, "mount");
            Directory.CreateDirectory(mount);
            Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", options, "none", mount), "this system does not let root mount a tmpfs");
            try
            {
                action(mount);
            }
            finally
            {
                Assert.True(Run("umount", "-l", mount));
            }
        });
    }

    private static bool Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
