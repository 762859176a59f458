using System.Runtime.InteropServices;
using Mono.Unix.Native;

namespace PageTableEmu.Platform.Posix;

/// <summary>A mapping of a file, or of anonymous memory when it has no descriptor.</summary>
internal sealed unsafe class PosixMemory : SharedMemory
{
    private readonly string path;
    private int descriptor;
    private bool unmapped;

    internal PosixMemory(nint address, ulong length)
        : this("private memory", -1, address, length, 0)
    {
        AlwaysBacked = true;
    }

    internal PosixMemory(string path, int descriptor, nint address, ulong length, ulong identity)
    {
        this.path = path;
        this.descriptor = descriptor;
        Address = address;
        Length = length;
        Identity = identity;
    }

    public override bool TryCommit(ulong offset, ulong length)
    {
        CheckRange(offset, length);
        if (AlwaysBacked || length == 0)
            return true;
        while (true)
        {
            if (Libc.Allocate(descriptor, 0, (long)offset, (long)length) == 0)
                return true;
            Errno error = NativeConvert.ToErrno(Marshal.GetLastPInvokeError());
            switch (error)
            {
                case Errno.EINTR:
                    continue;
                case Errno.ENOSPC or Errno.EDQUOT or Errno.ENOMEM:
                    return false;
                case Errno.EOPNOTSUPP or Errno.ENOSYS:
                    return WriteZeros(offset, length);
                default:
                    throw PosixPlatform.Error(error, path, $"fallocate of {length} bytes at {offset}");
            }
        }
    }

    public override bool TryRead(ulong offset, Span<byte> destination)
    {
        if (destination.IsEmpty || offset > Length || (ulong)destination.Length > Length - offset)
            return false;
        if (AlwaysBacked)
        {
            // Safe: the range lies inside the mapping (checked).
            new ReadOnlySpan<byte>((byte*)Address + offset, destination.Length).CopyTo(destination);
            return true;
        }

        // Safe: the destination is pinned and no more than its length is written to it. A read is used because touching a hole of a full
        // tmpfs through the mapping raises SIGBUS.
        fixed (byte* to = destination)
        {
            return Syscall.pread(descriptor, to, (ulong)destination.Length, (long)offset) == destination.Length;
        }
    }

    public override void Dispose()
    {
        if (unmapped)
            return;
        unmapped = true;
        if (Address != 0)
            _ = Syscall.munmap(Address, Length);
        if (descriptor >= 0)
            _ = Syscall.close(descriptor);
        descriptor = -1;
    }

    /// <summary>
    /// For file systems that cannot reserve blocks: writing does. Only bytes that nobody has committed are written, under the image's
    /// commit lock, so nobody's data is lost.
    /// </summary>
    private bool WriteZeros(ulong offset, ulong length)
    {
        byte[] zeros = new byte[65536];
        fixed (byte* source = zeros)
        {
            while (length != 0)
            {
                // Safe: no more than the array's length is read from the pinned array.
                long written = Syscall.pwrite(descriptor, source, Math.Min(length, (ulong)zeros.Length), (long)offset);
                if (written <= 0)
                {
                    Errno error = Stdlib.GetLastError();
                    return error is Errno.ENOSPC or Errno.EDQUOT ? false : throw PosixPlatform.Error(error, path, $"write of {length} bytes at {offset}");
                }

                offset += (ulong)written;
                length -= (ulong)written;
            }
        }

        return true;
    }
}
