using System.Runtime.InteropServices;

namespace PageTableEmu.Platform.Posix;

/// <summary>What Mono.Posix lacks.</summary>
internal static partial class Libc
{
    /// <summary>
    /// fallocate(2), and not posix_fallocate: where a file system cannot reserve blocks the C library emulates the latter by writing to
    /// the file, which could undo what another process writes to its mapping. This call fails with EOPNOTSUPP instead.
    /// </summary>
    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    internal static partial int Allocate(int descriptor, int mode, long offset, long length);
}
