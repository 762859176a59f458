using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace PageTableEmu.Swap;

/// <summary>An open swap file with the header that mkswap(8) writes, so that other tools recognise it.</summary>
/// <remarks>
/// The header is page 0 of the file (union swap_header): <c>version, last page, number of bad pages</c> as 32-bit words at byte 1024, a UUID
/// after them, the bad page numbers at byte 1536, and the signature in the page's last ten bytes.
/// </remarks>
internal sealed class SwapFile : IDisposable
{
    private const int InfoOffset = 1024;
    private const int LastPageOffset = InfoOffset + 4;
    private const int BadCountOffset = LastPageOffset + 4;
    private const int UuidOffset = BadCountOffset + 4;
    private const int BadPagesOffset = 1536;

    private readonly SafeFileHandle handle;
    private readonly int pageSize;

    private SwapFile(SafeFileHandle handle, int pageSize)
    {
        this.handle = handle;
        this.pageSize = pageSize;
    }

    /// <summary>Which swapon this file was opened for.</summary>
    internal ulong Incarnation { get; init; }

    private static ReadOnlySpan<byte> Signature => "SWAPSPACE2"u8;

    /// <summary>Most bad pages that a header of the page size can name (MAX_SWAP_BADPAGES).</summary>
    internal static int BadPageCapacity(int pageSize) => (pageSize - BadPagesOffset - Signature.Length) / sizeof(uint);

    /// <summary>
    /// Opens the file of a new area: creates it, or takes an empty one, and writes the header; or takes one that has a fitting header.
    /// </summary>
    /// <returns>Invalid: the file is something else. Error: the file system refused.</returns>
    internal static SwapResult TryPrepare(string path, int pageSize, uint slots, IReadOnlyCollection<uint> bad, out bool created)
    {
        created = false;
        try
        {
            long length = (long)slots * pageSize;
            bool absent = !File.Exists(path);
            using SafeFileHandle handle = absent
                ? File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.None, length)
                : File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            created = absent;
            if (RandomAccess.GetLength(handle) != 0)
                return Matches(handle, pageSize, slots, bad) ? SwapResult.Ok : SwapResult.Invalid;
            RandomAccess.SetLength(handle, length);
            RandomAccess.Write(handle, Header(pageSize, slots, bad), 0);
            return SwapResult.Ok;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return SwapResult.Error;
        }
    }

    /// <summary>Opens the file of an existing area; null when that is impossible.</summary>
    internal static SwapFile? TryOpen(string path, int pageSize, ulong incarnation)
    {
        try
        {
            SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            return new SwapFile(handle, pageSize) { Incarnation = incarnation };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Reads a slot; false when the file system fails or the file is too short.</summary>
    internal bool TryRead(ulong offset, Span<byte> page)
    {
        try
        {
            long position = (long)offset * pageSize;
            while (!page.IsEmpty)
            {
                int got = RandomAccess.Read(handle, page, position);
                if (got == 0)
                    return false;
                page = page[got..];
                position += got;
            }

            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Writes a slot; false when the file system fails.</summary>
    internal bool TryWrite(ulong offset, ReadOnlySpan<byte> page)
    {
        try
        {
            RandomAccess.Write(handle, page, (long)offset * pageSize);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();

    private static byte[] Header(int pageSize, uint slots, IReadOnlyCollection<uint> bad)
    {
        byte[] page = new byte[pageSize];
        Write(page, InfoOffset, 1);
        Write(page, LastPageOffset, slots - 1);
        Write(page, BadCountOffset, (uint)bad.Count);
        Guid.NewGuid().TryWriteBytes(page.AsSpan(UuidOffset), bigEndian: true, out _);
        int offset = BadPagesOffset;
        foreach (uint slot in bad)
        {
            Write(page, offset, slot);
            offset += sizeof(uint);
        }

        Signature.CopyTo(page.AsSpan(pageSize - Signature.Length));
        return page;
    }

    /// <summary>Whether a file has a header that says what the caller says: size at least as large, and the same bad pages.</summary>
    private static bool Matches(SafeFileHandle handle, int pageSize, uint slots, IReadOnlyCollection<uint> bad)
    {
        byte[] page = new byte[pageSize];
        if (RandomAccess.GetLength(handle) < (long)slots * pageSize || RandomAccess.Read(handle, page, 0) != pageSize)
            return false;
        if (!page.AsSpan(pageSize - Signature.Length).SequenceEqual(Signature) || Read(page, InfoOffset) != 1)
            return false;
        uint count = Read(page, BadCountOffset);
        if (Read(page, LastPageOffset) < slots - 1 || count != bad.Count || count > BadPageCapacity(pageSize))
            return false;
        var named = new HashSet<uint>();
        for (int i = 0; i < count; i++)
            named.Add(Read(page, BadPagesOffset + (i * sizeof(uint))));
        return named.SetEquals(bad);
    }

    private static void Write(byte[] page, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(offset), value);

    private static uint Read(byte[] page, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(page.AsSpan(offset));
}
