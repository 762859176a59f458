namespace PageTableEmu.Platform;

/// <summary>
/// What a machine needs of its operating system: memory that other processes can map too, storage behind it on request, and a way to
/// tell whether a process still lives.
/// </summary>
/// <remarks>
/// Every failure of a create or open member is an <see cref="ImageStorageException"/>. None of the members is on a hot path. Length is
/// in bytes. A name stands for an object in /dev/shm or a named section and contains no directory.
/// </remarks>
public interface ISharedMemoryPlatform
{
    /// <summary>Zeroed memory of this process alone; address space only until it is touched.</summary>
    SharedMemory Reserve(ulong length);

    /// <summary>Creates a sparse file and maps it; fails when it exists.</summary>
    SharedMemory CreateFile(string path, ulong length);

    /// <summary>Maps an existing file as a whole.</summary>
    SharedMemory OpenFile(string path);

    /// <summary>Removes a file; processes that map it keep their memory. Returns whether it was there.</summary>
    bool DeleteFile(string path);

    /// <summary>Creates a named shared memory object and maps it; fails when it exists.</summary>
    SharedMemory CreateNamed(string name, ulong length);

    /// <summary>Maps an existing named object as a whole.</summary>
    SharedMemory OpenNamed(string name);

    /// <summary>Removes a name; returns whether it was there. On Windows a section goes with its last mapping, and there is nothing to do.</summary>
    bool DeleteNamed(string name);

    /// <summary>
    /// When a process was started, in a unit of the platform's own, never 0; null when no such process lives. Number and start together
    /// tell a process from a later one that got the same number.
    /// </summary>
    uint? ProcessStart(uint process);
}
