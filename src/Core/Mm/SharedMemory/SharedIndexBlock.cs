using System.Runtime.CompilerServices;
using PageTableEmu.Image;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// 64 words of a page index, record of <see cref="MetadataRegion.SharedIndexBlocks"/>: on the lowest level each a <see cref="SharedPage"/>,
/// above that each the number of a block, 0 = none. Every word is changed by compare-exchange.
/// </summary>
[InlineArray(Words)]
public struct SharedIndexBlock
{
    /// <summary>Words of a block.</summary>
    public const int Words = 1 << Bits;

    /// <summary>log2 of <see cref="Words"/>: bits of a page number that one level decodes.</summary>
    public const int Bits = 6;

    private ulong first;
}
