namespace PageTableEmu.Replay.Comparison;

/// <summary>The pages whose bytes are compared.</summary>
internal enum Bytes
{
    /// <summary>None: the recording calls the bytes of this line unstable.</summary>
    None,

    /// <summary>Present pages: something is in the swap cache, the device may be behind it.</summary>
    PresentOnly,

    /// <summary>Present and swapped pages.</summary>
    All,
}
