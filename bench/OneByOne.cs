using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Bench;

/// <summary>Swap PTEs through the format's own members, one after the other.</summary>
internal static class OneByOne<TArch>
    where TArch : struct, IArchitecture
{
    // Four at a time, as the C side is compiled too: what is compared is the codec and not the loop.

    internal static ulong Decode(ReadOnlySpan<ulong> words)
    {
        ulong sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (; words.Length >= 4; words = words[4..])
        {
            sum0 += Decode(words[0]);
            sum1 += Decode(words[1]);
            sum2 += Decode(words[2]);
            sum3 += Decode(words[3]);
        }

        foreach (ulong word in words)
            sum0 += Decode(word);
        return sum0 + sum1 + sum2 + sum3;
    }

    internal static ulong Encode(ReadOnlySpan<ulong> entries)
    {
        ulong sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (; entries.Length >= 4; entries = entries[4..])
        {
            sum0 += Encode(entries[0]);
            sum1 += Encode(entries[1]);
            sum2 += Encode(entries[2]);
            sum3 += Encode(entries[3]);
        }

        foreach (ulong entry in entries)
            sum0 += Encode(entry);
        return sum0 + sum1 + sum2 + sum3;
    }

    private static ulong Decode(ulong word) => TArch.SwapOffset(new Pte(word)) + TArch.SwapType(new Pte(word));

    private static ulong Encode(ulong entry) => TArch.EncodeSwap(new SwapEntry(entry).Type, new SwapEntry(entry).Offset).Raw;
}
