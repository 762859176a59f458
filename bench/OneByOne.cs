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
        int i = 0;
        for (; i <= words.Length - 4; i += 4)
        {
            sum0 += Decode(words[i]);
            sum1 += Decode(words[i + 1]);
            sum2 += Decode(words[i + 2]);
            sum3 += Decode(words[i + 3]);
        }

        for (; i < words.Length; i++)
            sum0 += Decode(words[i]);
        return sum0 + sum1 + sum2 + sum3;
    }

    internal static ulong Encode(ReadOnlySpan<ulong> entries)
    {
        ulong sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        int i = 0;
        for (; i <= entries.Length - 4; i += 4)
        {
            sum0 += Encode(entries[i]);
            sum1 += Encode(entries[i + 1]);
            sum2 += Encode(entries[i + 2]);
            sum3 += Encode(entries[i + 3]);
        }

        for (; i < entries.Length; i++)
            sum0 += Encode(entries[i]);
        return sum0 + sum1 + sum2 + sum3;
    }

    private static ulong Decode(ulong word) => TArch.SwapOffset(new Pte(word)) + TArch.SwapType(new Pte(word));

    private static ulong Encode(ulong entry) => TArch.EncodeSwap(new SwapEntry(entry).Type, new SwapEntry(entry).Offset).Raw;
}
