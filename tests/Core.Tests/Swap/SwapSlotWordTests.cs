using FsCheck;
using FsCheck.Fluent;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Fields of a slot word do not touch each other.</summary>
public sealed class SwapSlotWordTests
{
    [Fact]
    public void Changes_touch_their_field_only() => Prop.ForAll((ulong value, uint payload, ushort number) =>
    {
        var word = new SwapSlotWord(value);
        uint count = number & SwapSlotWord.OverflowedCount;
        Assert.Equal((count, word.Tag, word.Generation, word.Payload), Of(word.WithCount(count)));
        Assert.Equal((word.IsZero, word.IsPinned), (word.WithCount(count).IsZero, word.WithCount(count).IsPinned));
        Assert.Equal((word.Count, SwapSlotTag.InUse, word.Generation, payload), Of(word.AsUncached(payload)));
        Assert.Equal((word.Count, SwapSlotTag.Cached, word.Generation, payload), Of(word.AsCached(payload)));
        Assert.Equal((word.Count, word.Tag, word.Generation, word.Payload), Of(word.WithZero(!word.IsZero)));
        Assert.Equal(!word.IsZero, word.WithZero(!word.IsZero).IsZero);
        Assert.True(word.AsPinned.IsPinned);
        Assert.False(word.AsPinned.AsUnpinned.IsPinned);
        Assert.Equal((0U, SwapSlotTag.Free, word.Generation, 0U), Of(word.AsFree));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Others_is_one_less_than_the_count_of_a_used_slot_and_above_all_counts_without_a_reference()
    {
        for (ulong upper = 0; upper <= ushort.MaxValue; upper++)
        {
            var word = new SwapSlotWord(upper << 48 | 0x1234_5678_9ABC);
            if (word.IsUsed && word.Count != 0)
                Assert.Equal(word.Count - 1, word.Others);
            else
                Assert.True(word.Others > SwapSlotWord.OverflowedCount, word.ToString());
        }
    }

    [Fact]
    public void The_generation_grows_by_one_when_a_slot_is_put_to_use_and_wraps() => Prop.ForAll((ushort generation, uint frame) =>
    {
        SwapSlotWord free = new SwapSlotWord((ulong)generation << 32);
        Assert.True(free.IsFree);
        Assert.Equal((0U, SwapSlotTag.Cached, (generation + 1U) & 0xFFFF, frame), Of(free.AsAllocated(frame)));
        Assert.Equal((0U, SwapSlotTag.InUse, (generation + 1U) & 0xFFFF, 0U), Of(free.AsReserved));
        Assert.True(free.AsReserved.IsPinned);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_layout_is_as_drawn()
    {
        var word = new SwapSlotWord(0b10_1_1_000000000101_0000000000000111UL << 32 | 9);
        Assert.Equal((5U, SwapSlotTag.Cached, 7U, 9U), Of(word));
        Assert.True(word.IsZero && word.IsPinned);
    }

    private static (uint Count, SwapSlotTag Tag, uint Generation, uint Payload) Of(SwapSlotWord word) =>
        (word.Count, word.Tag, word.Generation, word.Payload);
}
