using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench;

/// <summary>Swap PTEs through the format's own members, one after the other.</summary>
internal static class OneByOne<TArch>
    where TArch : struct, IArchitecture
{
    internal static ulong Decode(ReadOnlySpan<ulong> words)
    {
        ulong sum = 0;
        foreach (ulong word in words)
            sum += TArch.SwapOffset(new Pte(word)) + TArch.SwapType(new Pte(word));
        return sum;
    }

    internal static ulong Encode(ReadOnlySpan<ulong> entries)
    {
        ulong sum = 0;
        foreach (ulong entry in entries)
            sum += TArch.EncodeSwap(new SwapEntry(entry).Type, new SwapEntry(entry).Offset).Raw;
        return sum;
    }
}
