using System.Buffers.Binary;

namespace PageTableEmu.Paging;

/// <summary>
/// How a map is done byte by byte. Each byte of a result is fed by runs of bits of the word, mostly by one; an instruction that takes any eight bits
/// in a row for each byte does all the moves at once, with the byte order of the results, and as often as the byte with most feeds has feeds. Where
/// all moves have the same distance within a byte, one shift and a shuffle of bytes do it too, on more processors.
/// </summary>
internal sealed class BytePlan
{
    private const ulong Nothing = 0x8080_8080_8080_8080;

    private readonly ulong[] starts = new ulong[IWordMap.MostMoves];
    private readonly ulong[] masks = new ulong[IWordMap.MostMoves];

    private BytePlan()
    {
    }

    /// <summary>How many feeds the byte with most of them has.</summary>
    internal int Gathers { get; private set; }

    /// <summary>Whether a shift and a shuffle do it.</summary>
    internal bool Shuffles { get; private set; }

    /// <summary>By how many bits to the left the shift is.</summary>
    internal int Shift { get; private set; }

    /// <summary>Which byte of the shifted word each byte of the result is; the highest bit says none.</summary>
    internal ulong Order { get; private set; } = Nothing;

    /// <summary>The plan of some moves.</summary>
    internal static BytePlan Of(ReadOnlySpan<WordMove> moves, bool toSwapped)
    {
        var plan = new BytePlan();
        ulong all = 0;
        foreach (WordMove move in moves)
        {
            if ((move.Field & all) != 0)
                return plan; // bits that meet: shifts do as they are told
            all |= move.Field;
        }

        foreach (WordMove move in moves)
        {
            for (int at = 0; at < 8; at++)
            {
                ulong bits = move.Field & (0xffUL << (at * 8));
                if (bits != 0)
                    plan.Feed(at, (byte)(((at * 8) - move.Left) & 63), bits);
            }
        }

        plan.FindShuffle(moves);
        if (toSwapped)
            plan.Swap();
        return plan;
    }

    /// <summary>At which bit of the word each byte of a gather starts.</summary>
    internal ulong Starts(int gather) => starts[gather];

    /// <summary>Which bits of the result a gather brings.</summary>
    internal ulong Mask(int gather) => masks[gather];

    private void Feed(int at, byte start, ulong bits)
    {
        ulong place = 0xffUL << (at * 8);
        int gather = 0;
        while ((masks[gather] & place) != 0 && (byte)(starts[gather] >> (at * 8)) != start)
            gather++;
        starts[gather] |= (ulong)start << (at * 8);
        masks[gather] |= bits;
        Gathers = Math.Max(Gathers, gather + 1);
    }

    private void FindShuffle(ReadOnlySpan<WordMove> moves)
    {
        for (int shift = -7; shift <= 7 && !Shuffles; shift++)
        {
            ulong order = Nothing;
            bool fits = true;
            foreach (WordMove move in moves)
                fits = fits && Fits(move, shift, ref order);
            if (fits)
                (Shuffles, Shift, Order) = (true, shift, order);
        }
    }

    /// <summary>Whether a shift of all words brings a move's bits where a shuffle of bytes finds them.</summary>
    private static bool Fits(WordMove move, int shift, ref ulong order)
    {
        for (int bit = 0; bit < 64; bit++)
        {
            if ((move.Field & (1UL << bit)) == 0)
                continue;
            int shifted = bit - move.Left + shift;
            int place = bit & ~7;
            byte from = (byte)(order >> place);
            if (shifted is < 0 or > 63 || (shifted & 7) != (bit & 7) || (from != 0x80 && from != shifted >> 3))
                return false;
            order = (order & ~(0xffUL << place)) | ((ulong)(shifted >> 3) << place);
        }

        return true;
    }

    private void Swap()
    {
        Order = BinaryPrimitives.ReverseEndianness(Order);
        foreach (ref ulong word in starts.AsSpan())
            word = BinaryPrimitives.ReverseEndianness(word);
        foreach (ref ulong word in masks.AsSpan())
            word = BinaryPrimitives.ReverseEndianness(word);
    }
}
