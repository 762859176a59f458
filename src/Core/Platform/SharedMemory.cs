namespace PageTableEmu.Platform;

/// <summary>One mapping of shared or private memory in this process.</summary>
public abstract class SharedMemory : IDisposable
{
    /// <summary>First byte of the mapping in this process; page-aligned.</summary>
    public nint Address { get; protected init; }

    /// <summary>Bytes mapped.</summary>
    public ulong Length { get; protected init; }

    /// <summary>
    /// A number that the file system gives the object and no other object has at the same time (inode number, file index); 0 when there is none.
    /// </summary>
    public ulong Identity { get; protected init; }

    /// <summary>Whether every byte may be touched without <see cref="TryCommit"/>: private memory of a system that backs it by itself.</summary>
    public bool AlwaysBacked { get; protected init; }

    /// <summary>
    /// Makes storage back a range before it is touched. Bytes that were backed before keep their content, others read as zero. Callers in
    /// different processes exclude each other over a range that none has committed yet.
    /// </summary>
    /// <returns>False when the file system, quota or memory is full; nothing of the range may then be relied on.</returns>
    /// <exception cref="ImageStorageException">The storage failed for another reason than being full.</exception>
    public abstract bool TryCommit(ulong offset, ulong length);

    /// <summary>
    /// Copies bytes out without touching the mapping where nothing may be behind it; false when the range is not backed or not there.
    /// </summary>
    public abstract bool TryRead(ulong offset, Span<byte> destination);

    /// <summary>
    /// Unmaps the memory; the object itself stays. There is no finalizer on purpose: references and spans into the mapping do not keep
    /// this object alive, so that only the owner can know when the last of them is gone.
    /// </summary>
    public abstract void Dispose();

    /// <summary>Throws unless a range lies inside the mapping.</summary>
    protected void CheckRange(ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
    }
}
