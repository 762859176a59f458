using PageTableEmu.Platform.Posix;
using PageTableEmu.Platform.Windows;

namespace PageTableEmu.Platform;

/// <summary>The platform this process runs on, chosen once.</summary>
public static class HostPlatform
{
    /// <summary>The running platform.</summary>
    public static ISharedMemoryPlatform Current { get; } = OperatingSystem.IsWindows() ? new WindowsPlatform() : new PosixPlatform();

    /// <summary>Whether a process of that number lives, whenever it was started.</summary>
    public static bool IsAlive(uint process) => process == (uint)Environment.ProcessId || Current.ProcessStart(process) is not null;
}
