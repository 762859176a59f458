using System.Runtime.CompilerServices;

namespace PageTableEmu.Paging;

/// <summary>One word for each level, 5 down to 1, in a value: element 0 belongs to level 1.</summary>
[InlineArray(MaxLevels)]
public struct LevelWords
{
    /// <summary>Most levels that an architecture has.</summary>
    public const int MaxLevels = 5;

    private ulong first;
}
