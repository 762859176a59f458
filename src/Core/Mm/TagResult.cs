namespace PageTableEmu.Mm;

/// <summary>Outcome of an instruction that works with tags.</summary>
/// <seealso cref="TagInstructions{TArch, TModel, TFormat}"/>
public enum TagResult
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>Never returned: the entry has to be faulted in first.</summary>
    NeedsFault,

    /// <summary>The mapping does not check tags (SEGV_ACCADI).</summary>
    NotEnabled,

    /// <summary>No mapping, or none that allows it (SIGSEGV).</summary>
    SegmentationFault,

    /// <summary>The content is lost (SIGBUS).</summary>
    BusError,

    /// <summary>No frame could be had, not even by reclaim.</summary>
    OutOfMemory,
}
