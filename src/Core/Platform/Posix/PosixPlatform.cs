using System.Globalization;
using Mono.Unix.Native;

namespace PageTableEmu.Platform.Posix;

/// <summary>Files and /dev/shm objects through mmap.</summary>
internal sealed class PosixPlatform : ISharedMemoryPlatform
{
    private const string NamedFolder = "/dev/shm/";

    public SharedMemory Reserve(ulong length)
    {
        // MAP_NORESERVE: hundreds of GiB of guest RAM are address space until they are touched.
        nint address = Syscall.mmap(
            0, length, MmapProts.PROT_READ | MmapProts.PROT_WRITE, MmapFlags.MAP_PRIVATE | MmapFlags.MAP_ANONYMOUS | MmapFlags.MAP_NORESERVE, -1, 0);
        if (address == Syscall.MAP_FAILED)
            throw Error(Stdlib.GetLastError(), "private memory", $"mmap of {length} bytes");
        return new PosixMemory(address, length);
    }

    public SharedMemory CreateFile(string path, ulong length)
    {
        int descriptor = Open(path, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_CLOEXEC);
        try
        {
            if (Syscall.ftruncate(descriptor, checked((long)length)) != 0)
                throw Error(Stdlib.GetLastError(), path, $"ftruncate to {length} bytes");
            return Map(path, descriptor);
        }
        catch
        {
            _ = Syscall.close(descriptor);
            _ = Syscall.unlink(path);
            throw;
        }
    }

    public SharedMemory OpenFile(string path)
    {
        int descriptor = Open(path, OpenFlags.O_RDWR | OpenFlags.O_CLOEXEC);
        try
        {
            return Map(path, descriptor);
        }
        catch
        {
            _ = Syscall.close(descriptor);
            throw;
        }
    }

    public bool DeleteFile(string path)
    {
        if (Syscall.unlink(path) == 0)
            return true;
        Errno error = Stdlib.GetLastError();
        return error == Errno.ENOENT ? false : throw Error(error, path, "unlink");
    }

    public SharedMemory CreateNamed(string name, ulong length) => CreateFile(NamedPath(name), length);

    public SharedMemory OpenNamed(string name) => OpenFile(NamedPath(name));

    public bool DeleteNamed(string name) => DeleteFile(NamedPath(name));

    public uint? ProcessStart(uint process)
    {
        if (process is 0 or > int.MaxValue)
            return null;
        if (Syscall.kill((int)process, 0) != 0 && Stdlib.GetLastError() == Errno.ESRCH)
            return null;
        return StartFromProc(process);
    }

    internal static ImageStorageException Error(Errno error, string target, string operation)
    {
        ImageStorageFailure failure = error switch
        {
            Errno.EEXIST => ImageStorageFailure.Exists,
            Errno.ENOENT or Errno.ENOTDIR => ImageStorageFailure.NotFound,
            Errno.EACCES or Errno.EPERM or Errno.EROFS => ImageStorageFailure.Denied,
            Errno.ENOSPC or Errno.EDQUOT or Errno.ENOMEM => ImageStorageFailure.Full,
            Errno.EFBIG or Errno.EOVERFLOW or Errno.EOPNOTSUPP or Errno.ENODEV => ImageStorageFailure.Unsupported,
            _ => ImageStorageFailure.Other,
        };
        string meaning = failure switch
        {
            ImageStorageFailure.Exists => ": it exists already, attach to it or delete it first",
            ImageStorageFailure.NotFound => ": there is no such file or folder",
            ImageStorageFailure.Denied => ": not permitted",
            ImageStorageFailure.Full => ": no room",
            _ => "",
        };
        return new ImageStorageException(failure, target, $"{operation} failed: {error}{meaning}");
    }

    /// <summary>
    /// Field 22 of /proc/PID/stat, clock ticks since boot, cut to 32 bits (497 days at 100 Hz). The fields are counted behind the last
    /// parenthesis, because the second field is a name that may contain anything. Without /proc every live process started "at 1".
    /// </summary>
    private static uint? StartFromProc(uint process)
    {
        string stat;
        try
        {
            stat = File.ReadAllText($"/proc/{process}/stat");
        }
        catch (IOException)
        {
            return Directory.Exists("/proc/self") ? null : 1;
        }

        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 20 || fields[0] is "Z" or "X")
            return null; // a zombie runs no more code
        uint start = unchecked((uint)ulong.Parse(fields[19], CultureInfo.InvariantCulture));
        return start == 0 ? 1 : start;
    }

    private static int Open(string path, OpenFlags flags)
    {
        int descriptor = Syscall.open(path, flags, FilePermissions.S_IRUSR | FilePermissions.S_IWUSR);
        return descriptor >= 0 ? descriptor : throw Error(Stdlib.GetLastError(), path, "open");
    }

    private static PosixMemory Map(string path, int descriptor)
    {
        if (Syscall.fstat(descriptor, out Stat stat) != 0)
            throw Error(Stdlib.GetLastError(), path, "fstat");
        if ((stat.st_mode & FilePermissions.S_IFMT) != FilePermissions.S_IFREG)
            throw new ImageStorageException(ImageStorageFailure.Unsupported, path, "not a regular file");
        ulong length = (ulong)stat.st_size;
        if (length == 0)
            return new PosixMemory(path, descriptor, 0, 0, stat.st_ino); // mmap of nothing is an error; the caller sees a truncated image
        nint address = Syscall.mmap(0, length, MmapProts.PROT_READ | MmapProts.PROT_WRITE, MmapFlags.MAP_SHARED, descriptor, 0);
        if (address == Syscall.MAP_FAILED)
            throw Error(Stdlib.GetLastError(), path, $"mmap of {length} bytes");
        return new PosixMemory(path, descriptor, address, length, stat.st_ino);
    }

    private static string NamedPath(string name) => Directory.Exists(NamedFolder)
        ? NamedFolder + name
        : throw new ImageStorageException(ImageStorageFailure.Unsupported, name, "this system has no /dev/shm");
}
