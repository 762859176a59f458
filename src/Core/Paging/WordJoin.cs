namespace PageTableEmu.Paging;

/// <summary>
/// One logic function of two words and a mask: for each bit the mask chooses one of two functions of what the words have there. Which two serve all
/// bits is found by trying, with what is known: that a word has the wanted bit there, or zero, or something else. So fields that are complemented,
/// and bits that are constant, cost nothing more.
/// </summary>
internal static class WordJoin
{
    private const int Zero = WordBits.Zero;

    /// <summary>Which bit of the word each bit of the result is, before some are complemented; no where bits meet.</summary>
    internal static bool TryPlace(ReadOnlySpan<WordMove> moves, out int[] wanted)
    {
        wanted = [.. Enumerable.Repeat(Zero, 64)];
        foreach (WordMove move in moves)
        {
            for (int bit = 0; bit < 64; bit++)
            {
                if ((move.Field & (1UL << bit)) == 0)
                    continue;
                if (wanted[bit] != Zero)
                    return false;
                wanted[bit] = bit - move.Left;
            }
        }

        return true;
    }

    /// <summary>Two functions, of which for each bit one gives what is wanted.</summary>
    /// <param name="wanted">Which bit of the mapped word each bit is to be.</param>
    /// <param name="flip">Which of them are complemented then.</param>
    /// <param name="first">Which bit of the mapped word each bit of the first word is.</param>
    /// <param name="other">As much of the other one.</param>
    /// <param name="mask">Which of both functions each bit takes.</param>
    /// <param name="table">Both as one truth table of the first word, the other and the mask.</param>
    internal static bool TryJoin(int[] wanted, ulong flip, int[] first, int[] other, out ulong mask, out byte table)
    {
        int[] serve = new int[64];
        for (int bit = 0; bit < 64; bit++)
            serve[bit] = Serving(wanted[bit], (flip >> bit & 1) != 0, first[bit], other[bit]);
        for (int both = 0; both < 256 && !serve.Contains(0); both++)
        {
            (int zero, int one) = (both & 15, both >> 4);
            mask = 0;
            int bit = 0;
            for (; bit < 64 && ((serve[bit] >> zero | serve[bit] >> one) & 1) != 0; bit++)
                mask |= (ulong)(~serve[bit] >> zero & 1) << bit;
            if (bit < 64)
                continue;
            table = 0;
            for (int input = 0; input < 4; input++)
                table |= (byte)(((zero >> input & 1) | (one >> input & 1) << 1) << (2 * input));
            return true;
        }

        (mask, table) = (0, 0);
        return false;
    }

    /// <summary>Which of the sixteen functions of two bits give a bit, whatever the bits are that come along.</summary>
    private static int Serving(int wanted, bool flip, int first, int other)
    {
        int serving = ushort.MaxValue;
        for (int values = 0; values < 8; values++)
        {
            // The same bit of the word has the same value wherever it is.
            bool result = wanted != Zero && (values & 1) != 0;
            bool a = first != Zero && (first == wanted ? result : (values & 2) != 0);
            bool b = other != Zero && (other == wanted ? result : other == first ? a : (values & 4) != 0);
            int input = (a ? 2 : 0) | (b ? 1 : 0);
            for (int function = 0; function < 16; function++)
            {
                if ((function >> input & 1) != 0 != (result ^ flip))
                    serving &= ~(1 << function);
            }
        }

        return serving;
    }
}
