namespace PageTableEmu.Replay;

/// <summary>The counters of /proc/pid/smaps that a trace holds, in KiB, in the trace's order.</summary>
/// <param name="Rss">Present pages.</param>
/// <param name="Pss">Present pages, each divided by its mapcount; rounded down once for a VMA.</param>
/// <param name="SharedClean">Mapped more than once and clean (neither the entry nor the frame is dirty).</param>
/// <param name="SharedDirty">Mapped more than once and dirty.</param>
/// <param name="PrivateClean">Mapped once and clean.</param>
/// <param name="PrivateDirty">Mapped once and dirty.</param>
/// <param name="Anonymous">Anonymous pages.</param>
/// <param name="Ksm">Pages merged by KSM.</param>
/// <param name="LazyFree">Anonymous, not swap-backed and clean.</param>
/// <param name="AnonHuge">Mapped by huge entries.</param>
/// <param name="Swap">Swap entries; of shared memory the swapped pages of the object in the VMA's range.</param>
/// <param name="SwapPss">Private swap entries, each divided by the count of its slot; rounded down once for a VMA.</param>
/// <param name="Locked">Pss of the present pages of a locked VMA.</param>
public readonly record struct SmapsCounters(
    long Rss, long Pss, long SharedClean, long SharedDirty, long PrivateClean, long PrivateDirty, long Anonymous, long Ksm, long LazyFree,
    long AnonHuge, long Swap, long SwapPss, long Locked)
{
    /// <summary>Number of counters.</summary>
    public const int Count = 13;

    /// <summary>Adds counter by counter: the sums of a region are those of its VMAs.</summary>
    public static SmapsCounters operator +(SmapsCounters a, SmapsCounters b) => new(
        a.Rss + b.Rss, a.Pss + b.Pss, a.SharedClean + b.SharedClean, a.SharedDirty + b.SharedDirty, a.PrivateClean + b.PrivateClean,
        a.PrivateDirty + b.PrivateDirty, a.Anonymous + b.Anonymous, a.Ksm + b.Ksm, a.LazyFree + b.LazyFree, a.AnonHuge + b.AnonHuge,
        a.Swap + b.Swap, a.SwapPss + b.SwapPss, a.Locked + b.Locked);

    /// <summary>The same as the operator.</summary>
    public static SmapsCounters Add(SmapsCounters left, SmapsCounters right) => left + right;

    /// <summary>Makes the counters from numbers in the trace's order.</summary>
    /// <exception cref="ArgumentException">There are not exactly <see cref="Count"/> numbers.</exception>
    public static SmapsCounters FromNumbers(ReadOnlySpan<long> numbers)
    {
        if (numbers.Length != Count)
            throw new ArgumentException($"smaps has {Count} counters, not {numbers.Length}", nameof(numbers));
        return new(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8], numbers[9],
            numbers[10], numbers[11], numbers[12]);
    }

    /// <summary>The counters as numbers in the trace's order.</summary>
    public long[] ToNumbers() =>
    [
        Rss, Pss, SharedClean, SharedDirty, PrivateClean, PrivateDirty, Anonymous, Ksm, LazyFree, AnonHuge, Swap, SwapPss, Locked,
    ];
}
