using System.Diagnostics;
using PageTableEmu.Platform;

namespace PageTableEmu.Core.Tests.Platform;

public sealed class PlatformTests
{
    [Fact]
    public void Files_AreMappedShared_Committed_AndRead() => InFolder(folder =>
    {
        string path = Path.Combine(folder, "file");
        using SharedMemory one = HostPlatform.Current.CreateFile(path, 1 << 20);
        using SharedMemory two = HostPlatform.Current.OpenFile(path);
        Assert.Equal(1ul << 20, two.Length);
        Assert.Equal(one.Identity, two.Identity);
        Assert.True(one.TryCommit(65536, 4096));
        Bytes(one, 65536, 4).Fill(9);
        Assert.True(two.TryCommit(65536, 8192)); // what is there stays
        Assert.Equal(9, Bytes(two, 65536, 4)[3]);
        Span<byte> read = stackalloc byte[5];
        Assert.True(two.TryRead(65536, read));
        Assert.Equal([9, 9, 9, 9, 0], read.ToArray());
    });

    [Fact]
    public void Ranges_OutsideTheMapping_AreRefused() => InFolder(folder =>
    {
        using SharedMemory memory = HostPlatform.Current.CreateFile(Path.Combine(folder, "file"), 8192);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.TryCommit(8193, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.TryCommit(4096, 4097));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.TryCommit(ulong.MaxValue, 1));
        Assert.False(memory.TryRead(8190, new byte[3]));
        Assert.False(memory.TryRead(ulong.MaxValue, new byte[3]));
    });

    [Fact]
    public void Failures_AreTyped() => InFolder(folder =>
    {
        string path = Path.Combine(folder, "file");
        Assert.Equal(ImageStorageFailure.NotFound, Assert.Throws<ImageStorageException>(() => HostPlatform.Current.OpenFile(path)).Failure);
        Assert.False(HostPlatform.Current.DeleteFile(path));
        HostPlatform.Current.CreateFile(path, 4096).Dispose();
        Assert.Equal(ImageStorageFailure.Exists, Assert.Throws<ImageStorageException>(() => HostPlatform.Current.CreateFile(path, 4096)).Failure);
        Assert.Equal(path, Assert.Throws<ImageStorageException>(() => HostPlatform.Current.CreateFile(path, 4096)).Target);
        Assert.True(HostPlatform.Current.DeleteFile(path));
    });

    [Fact]
    public void Processes_AreToldAliveFromDead()
    {
        Assert.NotNull(HostPlatform.Current.ProcessStart((uint)Environment.ProcessId));
        Assert.Equal(HostPlatform.Current.ProcessStart((uint)Environment.ProcessId), HostPlatform.Current.ProcessStart((uint)Environment.ProcessId));
        Assert.True(HostPlatform.IsAlive((uint)Environment.ProcessId));
        Assert.False(HostPlatform.IsAlive(0));
        Assert.False(HostPlatform.IsAlive(0x7FFF_FFF0));
        Assert.False(HostPlatform.IsAlive(uint.MaxValue));
        ProcessStartInfo briefly = OperatingSystem.IsWindows() ? new("cmd", ["/c", "exit"]) : new("dotnet", ["--version"]);
        briefly.RedirectStandardOutput = true;
        using Process child = Process.Start(briefly)!;
        uint number = (uint)child.Id;
        child.WaitForExit();
        Assert.False(HostPlatform.IsAlive(number));
    }

    [Fact]
    public void PrivateMemory_IsZero_AndMayBeFarLargerThanTheMachine()
    {
        using SharedMemory memory = HostPlatform.Current.Reserve(1UL << 40);
        Assert.True(memory.TryCommit((1UL << 40) - 4096, 4096));
        Assert.Equal(0, Bytes(memory, (1UL << 40) - 4096, 4096).IndexOf((byte)0));
        Assert.Equal(-1, Bytes(memory, (1UL << 40) - 4096, 4096).IndexOfAnyExcept((byte)0));
    }

    // Safe: the callers name ranges of mappings that they hold and have committed.
    private static unsafe Span<byte> Bytes(SharedMemory memory, ulong offset, int length) => new((byte*)memory.Address + offset, length);

    private static void InFolder(Action<string> action)
    {
        string folder = Directory.CreateTempSubdirectory("ptemu-test-").FullName;
        try
        {
            action(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
