using System.Runtime.CompilerServices;

namespace PageTableEmu.Image;

/// <summary>One list for each <see cref="LruKind"/>.</summary>
[InlineArray(Count)]
public struct LruListTable
{
    /// <summary>Number of lists.</summary>
    public const int Count = 5;

    private LruList first;
}
