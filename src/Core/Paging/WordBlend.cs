namespace PageTableEmu.Paging;

/// <summary>What brings bits of a word to other places, all at once: one instruction.</summary>
internal enum WordStep
{
    /// <summary>All bits by the same distance; zeros come in.</summary>
    Shift,

    /// <summary>Words of sixteen bits, each multiplied by a power of two or by zero.</summary>
    Scale,

    /// <summary>Any eight bits in a row for each byte.</summary>
    Gather,
}

/// <summary>
/// How a map is done in three instructions: two steps, each of which brings some fields among bits that nobody wants, and one function that joins
/// both (<see cref="WordJoin"/>).
/// </summary>
internal sealed class WordBlend
{
    private const int LaneBits = WordBits.LaneBits;

    private WordBlend()
    {
    }

    /// <summary>By how many bits to the left the first step shifts.</summary>
    internal int Shift { get; private init; }

    /// <summary>What the other step is.</summary>
    internal WordStep Other { get; private init; }

    /// <summary>The other step's constant: its distance, its factors, or the bits at which its bytes start.</summary>
    internal ulong Operand { get; private init; }

    /// <summary>Which function a bit takes.</summary>
    internal ulong Mask { get; private init; }

    /// <summary>Both functions, as the truth table of first step, other step and mask.</summary>
    internal byte Table { get; private init; }

    /// <summary>The blend of some moves; <see langword="null"/> where two steps do not do.</summary>
    /// <param name="moves">What moves where; no bit is in two.</param>
    /// <param name="flip">What is complemented at the end.</param>
    /// <param name="gathers">Whether the processor has gathers of bits.</param>
    internal static WordBlend? Of(ReadOnlySpan<WordMove> moves, ulong flip, bool gathers)
    {
        if (!WordJoin.TryPlace(moves, out int[] wanted))
            return null;

        // Processors shift on one port and gather on another, and multiply on both.
        ReadOnlySpan<WordStep> steps = gathers ? [WordStep.Scale, WordStep.Gather, WordStep.Shift] : [WordStep.Scale, WordStep.Shift];
        foreach (WordStep step in steps)
        {
            foreach (WordMove first in moves)
            {
                if (first.Field != 0 && TryStep(step, moves, first.Left, out ulong operand)
                    && WordJoin.TryJoin(wanted, flip, Shifted(first.Left), After(step, operand), out ulong mask, out byte table))
                    return new WordBlend { Shift = first.Left, Other = step, Operand = operand, Mask = mask, Table = table };
            }
        }

        return null;
    }

    /// <summary>A step that does all moves but those that a shift does already.</summary>
    private static bool TryStep(WordStep step, ReadOnlySpan<WordMove> moves, int shift, out ulong operand)
    {
        operand = 0;
        ulong done = 0;
        foreach (WordMove move in moves)
        {
            if (move.Field == 0 || move.Left == shift)
                continue;
            if (!(step == WordStep.Shift ? TryShift(move, ref operand, ref done) : step == WordStep.Scale ? TryScale(move, ref operand)
                : TryGather(move, ref operand, ref done)))
                return false;
        }

        return true;
    }

    private static bool TryShift(WordMove move, ref ulong distance, ref ulong done)
    {
        bool fits = done == 0 || distance == (ulong)move.Left;
        (distance, done) = ((ulong)move.Left, ulong.MaxValue);
        return fits;
    }

    private static bool TryScale(WordMove move, ref ulong factors)
    {
        for (int lane = 0; lane < 64; lane += LaneBits)
        {
            ulong bits = move.Field & ((ulong)ushort.MaxValue << lane);
            if (bits == 0)
                continue;
            if (move.Left is < 0 or >= LaneBits || (bits & ((ulong)ushort.MaxValue << lane << move.Left)) != bits)
                return false;
            ulong before = (factors >> lane) & ushort.MaxValue;
            if (before != 0 && before != 1UL << move.Left)
                return false;
            factors |= 1UL << move.Left << lane;
        }

        return true;
    }

    private static bool TryGather(WordMove move, ref ulong starts, ref ulong done)
    {
        ulong rotated = WordBits.Starts(move.Left);
        for (int at = 0; at < 64; at += 8)
        {
            ulong place = 0xffUL << at;
            if ((move.Field & place) == 0)
                continue;
            ulong start = rotated & place;
            if ((done & place) != 0 && (starts & place) != start)
                return false;
            done |= place;
            starts |= start;
        }

        return true;
    }

    private static int[] Shifted(int left) => WordBits.All(bit => WordBits.Shifted(bit, left, lane: 64));

    /// <summary>Which bit of the word each bit is after a step.</summary>
    private static int[] After(WordStep step, ulong operand) => step switch
    {
        WordStep.Shift => Shifted((int)operand),
        WordStep.Scale => WordBits.All(bit => Scaled(bit, (ushort)(operand >> (bit & -LaneBits)))),
        _ => WordBits.All(bit => ((int)(byte)(operand >> (bit & ~7)) + (bit & 7)) & 63),
    };

    private static int Scaled(int bit, ushort factor) => factor == 0 ? WordBits.Zero : WordBits.Shifted(bit, ushort.Log2(factor), LaneBits);
}
