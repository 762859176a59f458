namespace PageTableEmu.Replay.Traces;

/// <summary>What a second recording of the same script did not repeat.</summary>
/// <param name="Number">Number of the operation.</param>
/// <param name="What">
/// <c>bytes</c>, <c>used</c> or <c>pswp</c>: that field of that line alone is not compared. Anything else: nothing is compared from that
/// line on.
/// </param>
public readonly record struct UnstableNote(long Number, string What)
{
    /// <summary>The note frees one field of one line.</summary>
    public bool IsLoose => What is "bytes" or "used" or "pswp";
}
