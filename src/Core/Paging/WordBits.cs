namespace PageTableEmu.Paging;

/// <summary>What an instruction does to a word, as planners see it: which bit comes to a place.</summary>
internal static class WordBits
{
    /// <summary>No bit: zero.</summary>
    internal const int Zero = -1;

    /// <summary>Of so many bits each lane is shifted or multiplied by a number of its own.</summary>
    internal const int LaneBits = 16;

    /// <summary>What comes to each place.</summary>
    internal static int[] All(Func<int, int> comesTo) => [.. Enumerable.Range(0, 64).Select(comesTo)];

    /// <summary>The bit that a shift to the left brings to a place, within lanes of so many bits; a negative distance is one to the right.</summary>
    internal static int Shifted(int bit, int left, int lane)
    {
        int from = bit - left;
        return (from & -lane) == (bit & -lane) ? from : Zero;
    }

    /// <summary>At which bits the bytes start if a gather does what a rotation to the left does.</summary>
    internal static ulong Starts(int left)
    {
        ulong starts = 0;
        for (int at = 0; at < 64; at += 8)
            starts |= (ulong)((at - left) & 63) << at;
        return starts;
    }
}
