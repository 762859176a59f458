using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using TerraFX.Interop.Windows;
using static TerraFX.Interop.Windows.Windows;

namespace PageTableEmu.Platform.Windows;

/// <summary>A view of a section, or reserved private memory when there is no section.</summary>
[SupportedOSPlatform("windows")]
internal sealed unsafe class WindowsMemory : SharedMemory
{
    private readonly string name;
    private readonly SafeFileHandle? file;
    private readonly HANDLE section;
    private bool unmapped;

    internal WindowsMemory(string name, SafeFileHandle? file, HANDLE section, void* address, ulong length, ulong identity)
    {
        this.name = name;
        this.file = file;
        this.section = section;
        Address = (nint)address;
        Length = length;
        Identity = identity;
    }

    public override bool TryCommit(ulong offset, ulong length)
    {
        CheckRange(offset, length);
        if (length == 0)
            return true;
        if (file is not null)
            return WriteZeros(file, offset, length);

        // Safe: the range lies inside the view (checked), and committing keeps what is committed already.
        return VirtualAlloc((byte*)Address + offset, (nuint)length, MEM.MEM_COMMIT, PAGE.PAGE_READWRITE) != null;
    }

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (destination.IsEmpty || offset > Length || (ulong)destination.Length > Length - offset)
            return false;
        byte* from = (byte*)Address + offset;
        MEMORY_BASIC_INFORMATION region;

        // Safe: the range lies inside the view (checked) and is read only when the system says that all of it is committed.
        if (VirtualQuery(from, &region, (nuint)sizeof(MEMORY_BASIC_INFORMATION)) == 0 || region.State != MEM.MEM_COMMIT
            || (nuint)from + (nuint)destination.Length > (nuint)region.BaseAddress + region.RegionSize)
        {
            return false;
        }

        new ReadOnlySpan<byte>(from, destination.Length).CopyTo(destination);
        return true;
    }

    public override void Dispose()
    {
        if (unmapped)
            return;
        unmapped = true;
        if (section != HANDLE.NULL)
        {
            // Safe: the view was mapped by the creator of this object and is given back once.
            _ = UnmapViewOfFile((void*)Address);
            _ = CloseHandle(section);
        }
        else if (Address != 0)
        {
            _ = VirtualFree((void*)Address, 0, MEM.MEM_RELEASE); // safe: as above, for a reservation
        }

        file?.Dispose();
    }

    /// <summary>
    /// A sparse file gets clusters by being written to. Written are zeros, and only where zeros are read: what somebody committed and
    /// filled before stays. The image's commit lock keeps others from filling these bytes meanwhile; views and writes of a local file are
    /// coherent.
    /// </summary>
    private bool WriteZeros(SafeFileHandle handle, ulong offset, ulong length)
    {
        Span<byte> zeros = new byte[4096];
        Span<byte> present = new byte[zeros.Length];
        try
        {
            while (length != 0)
            {
                int count = (int)Math.Min(length, (ulong)zeros.Length);
                int read = RandomAccess.Read(handle, present[..count], (long)offset);
                if (present[..read].IndexOfAnyExcept((byte)0) < 0)
                    RandomAccess.Write(handle, zeros[..count], (long)offset);
                offset += (ulong)count;
                length -= (ulong)count;
            }

            return true;
        }
        catch (IOException error)
        {
            ImageStorageException typed = WindowsPlatform.Error(error.HResult & 0xFFFF, name, $"write of {length} bytes at {offset}");
            return typed.Failure == ImageStorageFailure.Full ? false : throw typed;
        }
    }
}
