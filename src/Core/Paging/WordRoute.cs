using System.Buffers.Binary;
using System.Numerics;

namespace PageTableEmu.Paging;

/// <summary>
/// How a map is done with one field left where it is: the others are gathered around it as they lie around it in the result, both are joined
/// (<see cref="WordJoin"/>), and a second gather of bytes brings all to its place, in the byte order of the results. Where a field comes with bits
/// beside it that must be zero, lanes of sixteen bits are shifted first, so that those bits fall out. Two to four instructions, however many
/// fields there are.
/// </summary>
internal sealed class WordRoute
{
    private const int Zero = WordBits.Zero;
    private const int LaneBits = WordBits.LaneBits;
    private const int Lanes = 64 / LaneBits;

    private WordRoute()
    {
    }

    /// <summary>By how many bits to the right each lane is shifted first.</summary>
    internal ulong Counts { get; private init; }

    /// <summary>At which bit of the lanes each gathered byte starts.</summary>
    internal ulong Starts { get; private init; }

    /// <summary>Which function of word and gathered bytes each bit takes.</summary>
    internal ulong Mask { get; private init; }

    /// <summary>Both functions.</summary>
    internal byte Table { get; private init; }

    /// <summary>At which bit of what was joined each byte of the result starts.</summary>
    internal ulong Ends { get; private init; }

    /// <summary>Whether lanes are shifted at all.</summary>
    internal bool Shifts => Counts != 0;

    /// <summary>Whether the result must be brought to its place.</summary>
    internal bool Turns => Ends != WordBits.Starts(0);

    /// <summary>How many instructions that takes.</summary>
    internal int Steps => 2 + (Shifts ? 1 : 0) + (Turns ? 1 : 0);

    /// <summary>The shortest route of some moves; <see langword="null"/> where there is none.</summary>
    /// <param name="moves">What moves where.</param>
    /// <param name="flip">What is complemented at the end.</param>
    /// <param name="toSwapped">Whether results lie in the other byte order.</param>
    internal static WordRoute? Of(ReadOnlySpan<WordMove> moves, ulong flip, bool toSwapped)
    {
        if (!WordJoin.TryPlace(moves, out int[] wanted))
            return null;
        WordRoute? best = null;
        foreach (WordMove stays in moves)
        {
            if (stays.Field == 0)
                continue;
            int[] around = WordBits.All(bit => wanted[(bit + stays.Left) & 63]);
            ulong turned = BitOperations.RotateRight(flip, stays.Left & 63);
            ulong ends = WordBits.Starts(stays.Left);
            ends = toSwapped ? BinaryPrimitives.ReverseEndianness(ends) : ends;
            ulong before = ulong.MaxValue;
            for (int lowered = -1; lowered < 1 << Lanes; lowered++)
            {
                ulong counts = lowered < 0 ? 0 : CountsOf(around, lowered);
                if (counts == before)
                    continue; // a lane from which nothing comes has been lowered
                before = counts;
                if (TryGather(around, counts, out ulong starts, out int[] gathered)
                    && WordJoin.TryJoin(around, turned, WordBits.All(bit => bit), gathered, out ulong mask, out byte table))
                {
                    var route = new WordRoute { Counts = counts, Starts = starts, Mask = mask, Table = table, Ends = ends };
                    best = best is null || route.Steps < best.Steps ? route : best;
                    break; // the first is the shortest
                }
            }
        }

        return best;
    }

    /// <summary>How lanes are shifted: out of the word where nothing comes from them, and to their lowest bit where that is asked for.</summary>
    private static ulong CountsOf(int[] around, int lowered)
    {
        ulong counts = 0;
        for (int lane = 0; lane < Lanes; lane++)
        {
            int[] from = [.. around.Where((source, bit) => source != bit && source != Zero && source / LaneBits == lane)];
            int count = from.Length == 0 ? LaneBits : (lowered >> lane & 1) != 0 ? from.Min() % LaneBits : 0;
            counts |= (ulong)count << (lane * LaneBits);
        }

        return counts;
    }

    /// <summary>A gather that brings to each byte what does not stay, and zeros, if there are any, where nothing is wanted.</summary>
    private static bool TryGather(int[] around, ulong counts, out ulong starts, out int[] gathered)
    {
        int[] lanes = WordBits.All(bit => WordBits.Shifted(bit, -(ushort)(counts >> (bit & -LaneBits)), LaneBits));
        int zeros = Enumerable.Range(0, 64).FirstOrDefault(start => Enumerable.Range(start, 8).All(bit => lanes[bit & 63] == Zero));
        starts = 0;
        gathered = new int[64];
        for (int at = 0; at < 64; at += 8)
        {
            int start = Zero;
            for (int bit = at; bit < at + 8; bit++)
            {
                if (around[bit] == bit || around[bit] == Zero)
                    continue;
                int here = (Array.IndexOf(lanes, around[bit]) - (bit & 7)) & 63;
                if (start != Zero && start != here)
                    return false;
                start = here;
            }

            start = start == Zero ? zeros : start;
            starts |= (ulong)start << at;
            for (int bit = 0; bit < 8; bit++)
                gathered[at + bit] = lanes[(start + bit) & 63];
        }

        return true;
    }
}
