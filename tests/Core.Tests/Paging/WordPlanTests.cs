using System.Buffers.Binary;
using System.Numerics;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Paging;

/// <summary>Plans of any fields, done step by step without vectors: they give what the fields give one after the other.</summary>
public sealed class WordPlanTests
{
    private const int Layouts = 3000;

    private delegate bool Plan(WordMove[] moves, ulong flip, bool toSwapped, out Func<ulong, ulong> map);

    [Fact]
    public void Blends_with_gathers_give_what_the_fields_give() => Check(
        (WordMove[] moves, ulong flip, bool _, out Func<ulong, ulong> map) => TryBlend(moves, flip, true, out map), false, 200);

    [Fact]
    public void Blends_without_gathers_give_what_the_fields_give() => Check(
        (WordMove[] moves, ulong flip, bool _, out Func<ulong, ulong> map) => TryBlend(moves, flip, false, out map), false, 200);

    [Fact]
    public void Routes_give_what_the_fields_give() => Check(TryRoute, false, 200);

    [Fact]
    public void Routes_to_the_other_byte_order_give_what_the_fields_give() => Check(TryRoute, true, 200);

    [Fact]
    public void Bits_that_meet_have_no_plan()
    {
        WordMove[] moves = [new(0xff0, 4), new(0xff, 0)];
        Assert.Null(WordBlend.Of(moves, 0, true));
        Assert.Null(WordRoute.Of(moves, 0, false));
    }

    private static void Check(Plan plan, bool toSwapped, int least)
    {
        var random = new Random(17);
        int found = 0;
        for (int layout = 0; layout < Layouts; layout++)
        {
            WordMove[] moves = Moves(random);
            ulong fields = moves.Aggregate(0UL, (all, move) => all | move.Field);
            ulong flip = random.Next(3) switch
            {
                0 => 0,
                1 => (moves[0].Field & fields) | (1UL << random.Next(64)),
                _ => (ulong)random.NextInt64() << random.Next(2),
            };
            if (!plan(moves, flip, toSwapped, out Func<ulong, ulong> map))
                continue;
            found++;
            for (int bit = -2; bit < 64; bit++)
            {
                ulong word = bit < -1 ? 0 : bit < 0 ? ulong.MaxValue : (1UL << bit) ^ ((ulong)random.NextInt64() << random.Next(2));
                ulong expected = moves.Aggregate(flip, (all, move) => all ^ (Moved(word, move.Left) & move.Field));
                Assert.Equal(toSwapped ? BinaryPrimitives.ReverseEndianness(expected) : expected, map(word));
            }
        }

        Assert.True(found >= least, $"{found} of {Layouts} layouts have such a plan");
    }

    private static bool TryBlend(WordMove[] moves, ulong flip, bool gathers, out Func<ulong, ulong> map)
    {
        WordBlend? plan = WordBlend.Of(moves, flip, gathers);
        Assert.True(gathers || plan?.Other != WordStep.Gather);
        map = word => Joined(Moved(word, plan!.Shift), plan.Other switch
        {
            WordStep.Shift => Moved(word, (int)plan.Operand),
            WordStep.Scale => Lanes(word, plan.Operand, (lane, factor) => (ushort)(lane * factor)),
            _ => Gathered(word, plan.Operand),
        }, plan.Mask, plan.Table);
        return plan is not null;
    }

    private static bool TryRoute(WordMove[] moves, ulong flip, bool toSwapped, out Func<ulong, ulong> map)
    {
        WordRoute? plan = WordRoute.Of(moves, flip, toSwapped);
        map = word =>
        {
            ulong lanes = Lanes(word, plan!.Counts, (lane, count) => (ushort)(count > 15 ? 0 : lane >> count));
            Assert.True(plan.Shifts || lanes == word);
            ulong all = Joined(word, Gathered(lanes, plan.Starts), plan.Mask, plan.Table);
            Assert.True(plan.Turns || Gathered(all, plan.Ends) == all);
            return Gathered(all, plan.Ends);
        };
        return plan is not null;
    }

    // Two to five fields, side by side or not, some of which come from beyond the ends of the word.
    private static WordMove[] Moves(Random random)
    {
        int count = random.Next(2, IWordMap.MostMoves + 1);
        int[] ends = [.. Enumerable.Range(0, 2 * count).Select(_ => random.Next(65)).Order()];
        int common = random.Next(-12, 13);
        return [.. Enumerable.Range(0, count).Where(i => ends[2 * i] < ends[(2 * i) + 1]).DefaultIfEmpty(0).Select(i => new WordMove(
            Bits(ends[(2 * i) + 1]) & ~Bits(ends[2 * i]), random.Next(3) == 0 ? common : random.Next(-40, 41)))];
    }

    private static ulong Bits(int count) => count == 64 ? ulong.MaxValue : (1UL << count) - 1;

    private static ulong Moved(ulong value, int left) => left >= 0 ? value << left : value >> -left;

    private static ulong Lanes(ulong word, ulong operand, Func<ushort, ushort, ushort> step)
    {
        ulong result = 0;
        for (int lane = 0; lane < 64; lane += 16)
            result |= (ulong)step((ushort)(word >> lane), (ushort)(operand >> lane)) << lane;
        return result;
    }

    private static ulong Gathered(ulong word, ulong starts)
    {
        ulong result = 0;
        for (int at = 0; at < 64; at += 8)
            result |= (ulong)(byte)BitOperations.RotateRight(word, (byte)(starts >> at) & 63) << at;
        return result;
    }

    private static ulong Joined(ulong first, ulong other, ulong mask, byte table)
    {
        ulong result = 0;
        for (int bit = 0; bit < 64; bit++)
            result |= (ulong)(table >> (int)(((first >> bit & 1) << 2) | ((other >> bit & 1) << 1) | (mask >> bit & 1)) & 1) << bit;
        return result;
    }
}
