using System.Runtime.CompilerServices;

namespace PageTableEmu.Image;

/// <summary>A number of pages for each list that reclaim takes from, by <see cref="LruKind"/>.</summary>
[InlineArray(Count)]
internal struct LruLengths
{
    /// <summary>All kinds but those that cannot be reclaimed.</summary>
    internal const int Count = 4;

    private uint first;
}
