namespace PageTableEmu.Mm;

/// <summary>How a page of another's address space is taken hold of (the kernel's FOLL_*).</summary>
[Flags]
public enum GupFlags
{
    /// <summary>For reading.</summary>
    None = 0,

    /// <summary>For writing (FOLL_WRITE).</summary>
    Write = 1,

    /// <summary>Mark the page dirty when it is taken for writing (FOLL_TOUCH).</summary>
    Touch = 2,

    /// <summary>
    /// The caller forgets between two tries that it was told to retry, as the populate loops of mlock do; then a page read from an
    /// asynchronous device counts as a minor fault.
    /// </summary>
    ForgetTried = 4,

    /// <summary>Wait for reads under the mmap_lock instead of asking to be called again.</summary>
    NoRetry = 8,
}
