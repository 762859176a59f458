using System.Runtime.CompilerServices;

namespace PageTableEmu.Image;

/// <summary>One list for each <see cref="LruKind"/>.</summary>
/// <example>
/// <code>
/// ref FrameState state = ref machine.Image.Record&lt;FrameState&gt;(MetadataRegion.FrameState, 0);
/// LruList inactive = state.Lru[(int)LruKind.InactiveAnon];
/// Console.WriteLine($"{inactive.Pages} pages; reclaim looks at frame {inactive.Oldest} first");
/// </code>
/// </example>
[InlineArray(Count)]
public struct LruListTable
{
    /// <summary>Number of lists.</summary>
    public const int Count = 5;

    private LruList first;
}
