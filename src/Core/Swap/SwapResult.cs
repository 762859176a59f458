namespace PageTableEmu.Swap;

/// <summary>Outcome of an operation on swap slots and areas: the error contract of the kernel's swap map.</summary>
/// <seealso cref="Machine{TArch}"/>
public enum SwapResult
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>A folio is bound to the slot, or a direct swap-in has it pinned: look the cache up again or wait (-EEXIST).</summary>
    Exists,

    /// <summary>The slot has no user any more, or is bad: the entry is stale (-ENOENT).</summary>
    NoEntry,

    /// <summary>
    /// A count is too large for its word and the overflow table is full (-ENOMEM); of swapon, that the image has no room for so many slots
    /// (<see cref="Image.MachineImageOptions.SwapSlots"/>, <see cref="Image.MachineImageOptions.SwapStoreSlots"/>).
    /// </summary>
    NoMemory,

    /// <summary>The area is gone, or the operation is not allowed in its state (-EINVAL).</summary>
    Invalid,

    /// <summary>No area has a free slot (-ENOSPC).</summary>
    Full,

    /// <summary>The backing device failed (-EIO); of swapon, that its file cannot be opened or made.</summary>
    Error,
}
