namespace PageTableEmu.Replay.Traces;

/// <summary>One VMA as a trace prints it, without the flags that are not compared.</summary>
/// <param name="FirstPage">First page, counted from the region's start.</param>
/// <param name="Pages">Number of pages.</param>
/// <param name="Permissions">Four characters as in /proc/pid/maps, such as <c>rw-p</c>.</param>
/// <param name="Flags">The compared flags.</param>
public readonly record struct TraceVma(long FirstPage, long Pages, string Permissions, VmaFlags Flags)
{
    /// <summary>The trace's text.</summary>
    public override string ToString() => $"{FirstPage}+{Pages} {Permissions}{Letters.Of(Flags)}";
}
