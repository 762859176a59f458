namespace PageTableEmu.Mm;

/// <summary>How a page of somebody's address space is taken hold of (the kernel's FOLL_*).</summary>
/// <seealso cref="Gup{TArch, TModel}"/>
[Flags]
public enum GupFlags
{
    /// <summary>For reading, without taking hold of it.</summary>
    None = 0,

    /// <summary>For writing (FOLL_WRITE).</summary>
    Write = 1,

    /// <summary>
    /// Take an ordinary reference (FOLL_GET): pipes and /proc/pid/mem. The page may be shared by a later fork, and a read-only page may be one
    /// that is shared already.
    /// </summary>
    Get = 2,

    /// <summary>
    /// Take a pin (FOLL_PIN): O_DIRECT, process_vm_readv, registered buffers. The page is made exclusive first and stays coherent with the page
    /// table until it is unpinned. Excludes <see cref="Get"/>.
    /// </summary>
    Pin = 4,

    /// <summary>The pin is kept for long (FOLL_LONGTERM): also pages that are not anonymous are made exclusive.</summary>
    LongTerm = 8,

    /// <summary>Override the rights of a private mapping, breaking copy-on-write, as debuggers may (FOLL_FORCE).</summary>
    Force = 16,

    /// <summary>
    /// The caller forgets between two tries that it was told to retry, as the populate loops of mlock do; then a page read from an
    /// asynchronous device counts as a minor fault.
    /// </summary>
    ForgetTried = 32,

    /// <summary>Never give the mmap_lock up, because the caller holds it for writing: reads are waited for, frames are not reclaimed.</summary>
    KeepLock = 64,

    /// <summary>Count it as a use of the page (FOLL_TOUCH), as reclaim sees it: debuggers, process_vm_readv, populate.</summary>
    Touch = 128,
}
