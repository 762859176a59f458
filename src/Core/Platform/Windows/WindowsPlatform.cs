using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using TerraFX.Interop.Windows;
using static TerraFX.Interop.Windows.Windows;

namespace PageTableEmu.Platform.Windows;

/// <summary>File mappings and named sections. Private memory and named sections are reserved whole and committed piece by piece.</summary>
[SupportedOSPlatform("windows")]
internal sealed unsafe class WindowsPlatform : ISharedMemoryPlatform
{
    private const uint SetSparse = 0x000900C4; // FSCTL_SET_SPARSE

    public SharedMemory Reserve(ulong length)
    {
        // Safe: a reservation at an address of the system's choice touches nothing.
        void* address = VirtualAlloc(null, checked((nuint)length), MEM.MEM_RESERVE, PAGE.PAGE_READWRITE);
        if (address == null)
            throw Error(Marshal.GetLastSystemError(), "private memory", $"VirtualAlloc of {length} bytes");
        return new WindowsMemory("private memory", null, HANDLE.NULL, address, length, 0);
    }

    public SharedMemory CreateFile(string path, ulong length)
    {
        SafeFileHandle file = Open(path, FileMode.CreateNew);
        try
        {
            uint returned;
            // Safe: the call takes no buffer but the local for the count. A file system without sparse files refuses, and the file is then
            // allocated as a whole when it is lengthened, which is right but needs the space.
            _ = DeviceIoControl((HANDLE)file.DangerousGetHandle(), SetSparse, null, 0, null, 0, &returned, null);
            RandomAccess.SetLength(file, checked((long)length));
            return Map(path, file);
        }
        catch (Exception error) when (error is not ImageStorageException)
        {
            file.Dispose();
            File.Delete(path);
            if (error is IOException io)
                throw Error(io.HResult & 0xFFFF, path, $"creation with {length} bytes");
            throw;
        }
        catch
        {
            file.Dispose();
            File.Delete(path);
            throw;
        }
    }

    public SharedMemory OpenFile(string path)
    {
        SafeFileHandle file = Open(path, FileMode.Open);
        try
        {
            return Map(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public bool DeleteFile(string path)
    {
        bool exists = File.Exists(path);
        File.Delete(path);
        return exists;
    }

    public SharedMemory CreateNamed(string name, ulong length)
    {
        HANDLE section;
        // Safe: the name is pinned for the call.
        fixed (char* text = SectionName(name))
        {
            section = CreateFileMappingW(
                HANDLE.INVALID_VALUE, null, PAGE.PAGE_READWRITE | SEC.SEC_RESERVE, (uint)(length >> 32), unchecked((uint)length), text);
        }

        int error = Marshal.GetLastSystemError();
        if (section == HANDLE.NULL)
            throw Error(error, name, $"CreateFileMapping of {length} bytes");
        if (error != ERROR.ERROR_ALREADY_EXISTS)
            return MapSection(name, null, section, length, 0);
        _ = CloseHandle(section);
        throw Error(error, name, "CreateFileMapping");
    }

    public SharedMemory OpenNamed(string name)
    {
        HANDLE section;
        // Safe: the name is pinned for the call.
        fixed (char* text = SectionName(name))
        {
            section = OpenFileMappingW(FILE.FILE_MAP_ALL_ACCESS, BOOL.FALSE, text);
        }

        if (section == HANDLE.NULL)
            throw Error(Marshal.GetLastSystemError(), name, "OpenFileMapping");
        return MapSection(name, null, section, 0, 0);
    }

    public bool DeleteNamed(string name) => false; // a section has no name of its own that could be removed

    public uint? ProcessStart(uint process)
    {
        try
        {
            using Process found = Process.GetProcessById((int)process);
            uint start = unchecked((uint)(found.StartTime.ToFileTimeUtc() / 10_000_000)); // seconds
            return start == 0 ? 1 : start;
        }
        catch (ArgumentException)
        {
            return null; // no process of that number
        }
        catch (InvalidOperationException)
        {
            return null; // it ended meanwhile
        }
        catch (Win32Exception)
        {
            return 1; // it lives, but is not ours to look at
        }
    }

    internal static ImageStorageException Error(int error, string target, string operation)
    {
        ImageStorageFailure failure = error switch
        {
            ERROR.ERROR_ALREADY_EXISTS or 80 => ImageStorageFailure.Exists, // 80: ERROR_FILE_EXISTS
            ERROR.ERROR_FILE_NOT_FOUND or 3 => ImageStorageFailure.NotFound, // 3: ERROR_PATH_NOT_FOUND
            ERROR.ERROR_ACCESS_DENIED => ImageStorageFailure.Denied,
            ERROR.ERROR_NOT_ENOUGH_MEMORY or 14 or 112 or 1450 or 1455 => ImageStorageFailure.Full, // out of memory, disk full, no resources, commitment limit
            ERROR.ERROR_INVALID_ADDRESS => ImageStorageFailure.Unsupported,
            _ => ImageStorageFailure.Other,
        };
        return new ImageStorageException(failure, target, $"{operation} failed: Windows error {error}");
    }

    private static string SectionName(string name) => "Local\\" + name;

    private static SafeFileHandle Open(string path, FileMode mode)
    {
        try
        {
            return File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (UnauthorizedAccessException)
        {
            throw Error(ERROR.ERROR_ACCESS_DENIED, path, "open");
        }
        catch (IOException error)
        {
            throw Error(error.HResult & 0xFFFF, path, "open");
        }
    }

    private static WindowsMemory Map(string path, SafeFileHandle file)
    {
        ulong length = (ulong)RandomAccess.GetLength(file);
        if (length == 0)
            return new WindowsMemory(path, file, HANDLE.NULL, null, 0, 0); // nothing to map; the caller sees a truncated image
        // Safe: no name and no attributes are passed; the file handle lives as long as the memory object.
        HANDLE section = CreateFileMappingW((HANDLE)file.DangerousGetHandle(), null, PAGE.PAGE_READWRITE, 0, 0, null);
        if (section == HANDLE.NULL)
            throw Error(Marshal.GetLastSystemError(), path, "CreateFileMapping");
        return MapSection(path, file, section, length, 0);
    }

    private static WindowsMemory MapSection(string name, SafeFileHandle? file, HANDLE section, ulong length, ulong identity)
    {
        // Safe: maps the whole section at an address of the system's choice.
        void* address = MapViewOfFile(section, FILE.FILE_MAP_ALL_ACCESS, 0, 0, 0);
        if (address == null)
        {
            int error = Marshal.GetLastSystemError();
            _ = CloseHandle(section);
            throw Error(error, name, "MapViewOfFile");
        }

        if (length == 0)
            length = ViewLength(address);
        return new WindowsMemory(name, file, section, address, length, identity);
    }

    /// <summary>Bytes of a view: the regions of one allocation, which differ in whether they are committed.</summary>
    private static ulong ViewLength(void* address)
    {
        ulong length = 0;
        MEMORY_BASIC_INFORMATION region;
        // Safe: VirtualQuery only describes the address it is given, and writes to the local.
        while (VirtualQuery((byte*)address + length, &region, (nuint)sizeof(MEMORY_BASIC_INFORMATION)) != 0 && region.AllocationBase == address)
            length += region.RegionSize;
        return length;
    }
}
