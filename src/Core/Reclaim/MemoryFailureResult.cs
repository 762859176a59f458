namespace PageTableEmu.Reclaim;

/// <summary>What became of a frame with a hardware memory error (the kernel's MF_* results and their reasons).</summary>
/// <seealso cref="MemoryFailure{TArch, TModel}"/>
public enum MemoryFailureResult
{
    /// <summary>
    /// Nobody uses the frame any more. Its content is lost where it was the only copy, and read again from the slot where it was not.
    /// </summary>
    Recovered,

    /// <summary>
    /// Nobody maps the frame any more, but it stays in the swap cache, because swap entries name it and their slot has nothing: whoever needs the
    /// page finds out then.
    /// </summary>
    Delayed,

    /// <summary>Somebody still maps the frame or holds a reference to it (a pin, a device), and may use the bad content.</summary>
    Failed,

    /// <summary>The frame is part of a large folio that could not be split now; nothing changed.</summary>
    NotSplit,

    /// <summary>The error was reported before; nothing changed.</summary>
    AlreadyReported,

    /// <summary>The frame holds no page of user memory (a page table, a zero page, a reserved frame): nothing can be done about it.</summary>
    Ignored,

    /// <summary>The frame is free; nothing changed.</summary>
    NotInUse,
}
