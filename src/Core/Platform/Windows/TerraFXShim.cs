// The part of TerraFX.Interop.Windows that the Windows platform uses, with the same namespace, names and signatures. It stands in for
// the package where that cannot be restored; a build with -p:UseTerraFX=true leaves this file out and references the package.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace TerraFX.Interop.Windows;

#pragma warning disable SA1300, CA1707, IDE1006, CA2101, SYSLIB1054, CA5392, CA1823, CS0649 // the names and declarations are the package's, not ours

internal readonly unsafe struct HANDLE(void* value) : IEquatable<HANDLE>
{
    public readonly void* Value = value;

    public static HANDLE INVALID_VALUE => new((void*)-1);

    public static HANDLE NULL => new(null);

    public static bool operator ==(HANDLE left, HANDLE right) => left.Value == right.Value;

    public static bool operator !=(HANDLE left, HANDLE right) => left.Value != right.Value;

    public static explicit operator HANDLE(nint value) => new((void*)value);

    public static implicit operator nint(HANDLE value) => (nint)value.Value;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is HANDLE other && Equals(other);

    public bool Equals(HANDLE other) => this == other;

    public override int GetHashCode() => ((nuint)Value).GetHashCode();
}

internal readonly struct BOOL(int value)
{
    public readonly int Value = value;

    public static BOOL FALSE => new(0);

    public static BOOL TRUE => new(1);

    public static implicit operator bool(BOOL value) => value.Value != 0;

    public static implicit operator BOOL(bool value) => new(value ? 1 : 0);
}

internal unsafe struct SECURITY_ATTRIBUTES
{
    public uint nLength;
    public void* lpSecurityDescriptor;
    public BOOL bInheritHandle;
}

internal unsafe struct OVERLAPPED
{
    public nuint Internal;
    public nuint InternalHigh;
    public void* Pointer;
    public HANDLE hEvent;
}

internal unsafe struct MEMORY_BASIC_INFORMATION
{
    public void* BaseAddress;
    public void* AllocationBase;
    public uint AllocationProtect;
    public ushort PartitionId;
    public nuint RegionSize;
    public uint State;
    public uint Protect;
    public uint Type;
}

internal static class PAGE
{
    public const int PAGE_READWRITE = 4;
}

internal static class MEM
{
    public const int MEM_COMMIT = 0x1000;
    public const int MEM_RESERVE = 0x2000;
    public const int MEM_RELEASE = 0x8000;
}

internal static class SEC
{
    public const int SEC_RESERVE = 0x04000000;
}

internal static class FILE
{
    public const int FILE_MAP_ALL_ACCESS = 0xF001F;
}

internal static class ERROR
{
    public const int ERROR_FILE_NOT_FOUND = 2;
    public const int ERROR_ACCESS_DENIED = 5;
    public const int ERROR_NOT_ENOUGH_MEMORY = 8;
    public const int ERROR_ALREADY_EXISTS = 183;
    public const int ERROR_INVALID_ADDRESS = 487;
}

// Safe to declare: each signature is the documented one of the function; the callers say why their arguments are right.
internal static unsafe partial class Windows
{
    [DllImport("kernel32", ExactSpelling = true)]
    public static extern HANDLE CreateFileMappingW(
        HANDLE hFile, SECURITY_ATTRIBUTES* lpFileMappingAttributes, uint flProtect, uint dwMaximumSizeHigh, uint dwMaximumSizeLow, char* lpName);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern HANDLE OpenFileMappingW(uint dwDesiredAccess, BOOL bInheritHandle, char* lpName);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern void* MapViewOfFile(
        HANDLE hFileMappingObject, uint dwDesiredAccess, uint dwFileOffsetHigh, uint dwFileOffsetLow, nuint dwNumberOfBytesToMap);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern BOOL UnmapViewOfFile(void* lpBaseAddress);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern void* VirtualAlloc(void* lpAddress, nuint dwSize, uint flAllocationType, uint flProtect);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern BOOL VirtualFree(void* lpAddress, nuint dwSize, uint dwFreeType);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern nuint VirtualQuery(void* lpAddress, MEMORY_BASIC_INFORMATION* lpBuffer, nuint dwLength);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern BOOL DeviceIoControl(
        HANDLE hDevice, uint dwIoControlCode, void* lpInBuffer, uint nInBufferSize, void* lpOutBuffer, uint nOutBufferSize, uint* lpBytesReturned, OVERLAPPED* lpOverlapped);

    [DllImport("kernel32", ExactSpelling = true)]
    public static extern BOOL CloseHandle(HANDLE hObject);
}
