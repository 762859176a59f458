namespace PageTableEmu.Mm;

/// <summary>Outcome of an operation on an address space. The numbers are Linux's error numbers.</summary>
/// <seealso cref="Machine{TArch}"/>
public enum MmResult
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>The mapping may not be used so at all (EPERM).</summary>
    NotPermitted = 1,

    /// <summary>A range is not registered (ENOENT).</summary>
    NoEntry = 2,

    /// <summary>Content could not be read or written (EIO).</summary>
    Io = 5,

    /// <summary>No such context or registration (EBADF).</summary>
    BadDescriptor = 9,

    /// <summary>Try again (EAGAIN).</summary>
    Again = 11,

    /// <summary>Out of frames or records; or a part of the range is not mapped (ENOMEM).</summary>
    NoMemory = 12,

    /// <summary>The mapping does not allow it (EACCES).</summary>
    Access = 13,

    /// <summary>An address is not mapped, or not so that the operation can be done (EFAULT).</summary>
    Fault = 14,

    /// <summary>Something is in the way (EBUSY).</summary>
    Busy = 16,

    /// <summary>The range is taken (EEXIST).</summary>
    Exists = 17,

    /// <summary>Not allowed for this kind of mapping or arguments (EINVAL).</summary>
    Invalid = 22,
}
