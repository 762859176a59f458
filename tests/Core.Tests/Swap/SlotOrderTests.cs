using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>The order in which slots are handed out, as seen on Linux 6.18 (one processor, fresh area).</summary>
public sealed class SlotOrderTests : IDisposable
{
    private readonly SwapRig<CheckedModel> rig = new(slots: 16384);

    public void Dispose() => rig.Dispose();

    private static ulong[] Range(ulong first, ulong last) => [.. Enumerable.Range((int)first, (int)(last - first + 1)).Select(i => (ulong)i)];

    private static SwapAreaOptions Zram(uint slots, int? priority = null) => SwapAreaOptions.Zram(slots) with { Priority = priority };

    [Fact]
    public void A_fresh_area_hands_out_ascending_slots_from_1()
    {
        rig.On(Zram(4096));
        Assert.Equal(Range(1, 4095), rig.Take(4095));
        Assert.Equal(SwapResult.Full, rig.Swap.TryReserve(out _));
    }

    [Fact]
    public void A_partial_last_cluster_comes_before_cluster_1()
    {
        rig.On(Zram(1280));
        Assert.Equal([.. Range(1, 511), .. Range(1024, 1279), .. Range(512, 1023)], rig.Take(1279));
    }

    [Fact]
    public void A_freed_slot_is_not_handed_out_again_soon()
    {
        rig.On(Zram(4096));
        rig.Take(8);
        rig.Free(4);
        Assert.Equal(9UL, rig.Take());
    }

    [Fact]
    public void A_cluster_with_holes_whose_last_event_was_an_allocation_is_left_for_a_free_one()
    {
        rig.On(Zram(4096));
        rig.Take(510);
        rig.Free(4);
        Assert.Equal(Range(511, 512), rig.Take(2));
        rig.AssertConsistent();
    }

    [Fact]
    public void Holes_freed_while_the_hint_is_elsewhere_come_when_its_cluster_is_used_up()
    {
        rig.On(Zram(4096));
        rig.Take(600);
        foreach (ulong hole in (ulong[])[300, 7, 20])
            rig.Free(hole);
        Assert.Equal([.. Range(601, 1023), 7, 20, 300, 1024], rig.Take(427));
    }

    [Fact]
    public void An_emptied_cluster_goes_to_the_end_of_the_free_ones()
    {
        rig.On(Zram(4096));
        Assert.Equal(1025UL, rig.Take(1025)[^1]);
        rig.Free(40);
        rig.Free(600);
        rig.Free(1024);
        rig.Free(1025);
        Assert.Equal([40, 600, 1536], rig.Take(3));
        rig.Take(2559); // the rest of clusters 3 to 7
        Assert.Equal(1024UL, rig.Take());
    }

    [Fact]
    public void The_only_free_slot_is_handed_out_again_at_once()
    {
        rig.On(Zram(10));
        Assert.Equal(Range(1, 9), rig.Take(9));
        for (ulong slot = 9; slot > 0; slot--)
        {
            rig.Free(slot);
            Assert.Equal(slot, rig.Take());
        }
    }

    [Fact]
    public void Swapoff_clears_the_hints()
    {
        uint type = rig.On(Zram(4096));
        foreach (ulong slot in rig.Take(5))
            rig.Free(slot);
        Assert.Equal(6UL, rig.Take());
        rig.Free(6);
        Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(type));
        Assert.Equal(SwapResult.Ok, rig.Swap.FinishSwapOff(type));
        Assert.Equal(type, rig.On(Zram(4096)));
        Assert.Equal(1UL, rig.Take());
    }

    [Fact]
    public void Each_processor_fills_a_cluster_of_its_own_until_only_others_are_left()
    {
        rig.On(Zram(1024));
        uint self = Owner.Thread;
        Assert.Equal(Range(1, 3), rig.Take(3));
        try
        {
            Owner.Thread = self + 1;
            Assert.Equal(Range(512, 1023), rig.Take(512));
            Assert.Equal(4UL, rig.Take()); // the other's cluster, scanned from its start
        }
        finally
        {
            Owner.Thread = self;
        }

        Assert.Equal(5UL, rig.Take());
    }

    [Fact]
    public void Unusable_slots_are_skipped_and_their_clusters_come_first()
    {
        rig.On(Zram(2048) with { BadSlots = [2, 1030, 1031] });
        Assert.Equal([1, 3, 4], rig.Take(3));
        rig.Take(506);
        Assert.Equal([511, .. Range(1024, 1029), 1032], rig.Take(8));
        Assert.Equal(2044 - 517, rig.Drain());
    }

    [Fact]
    public void A_cluster_of_unusable_slots_only_hurts_nobody()
    {
        rig.On(Zram(1536) with { BadSlots = [.. Enumerable.Range(512, 512).Select(i => (uint)i)] });
        Assert.Equal([.. Range(1, 511), .. Range(1024, 1535)], rig.Take(1023));
        Assert.Equal(SwapResult.Full, rig.Swap.TryReserve(out _));
        rig.AssertConsistent();
    }

    [Fact]
    public void Areas_of_higher_priority_fill_first()
    {
        uint low = rig.On(Zram(20, 1));
        uint high = rig.On(Zram(20, 2));
        Assert.All(rig.TakeEntries(19), entry => Assert.Equal(high, entry.Type));
        Assert.All(rig.TakeEntries(19), entry => Assert.Equal(low, entry.Type));
        Assert.Equal(SwapResult.Full, rig.Swap.TryReserve(out _));
        rig.Free(5, low);
        rig.Free(7, high);
        Assert.Equal([new SwapEntry(high, 7), new SwapEntry(low, 5)], rig.TakeEntries(2));
    }

    [Fact]
    public void Areas_without_a_priority_follow_in_the_order_of_their_swapon()
    {
        uint[] types = [rig.On(Zram(3)), rig.On(Zram(3)), rig.On(Zram(3))];
        Assert.Equal([types[0], types[0], types[1], types[1], types[2], types[2]], rig.TakeEntries(6).Select(entry => entry.Type));
    }

    [Fact]
    public void Equal_areas_take_turns_cluster_by_cluster()
    {
        rig.On(Zram(2048, 0));
        rig.On(Zram(2048, 0));
        SwapEntry[] entries = rig.TakeEntries(511 + 511 + 512 + 512 + 1);
        Assert.All(entries[..511], entry => Assert.Equal(0U, entry.Type));
        Assert.All(entries[511..1022], entry => Assert.Equal(1U, entry.Type));
        Assert.All(entries[1022..1534], entry => Assert.Equal(0U, entry.Type));
        Assert.All(entries[1534..2046], entry => Assert.Equal(1U, entry.Type));
        Assert.Equal(new SwapEntry(0, 1024), entries[2046]);
    }

    [Fact]
    public void Equal_rotational_areas_take_turns_slot_by_slot_each_with_its_own_hint()
    {
        rig.On(Zram(2048, 0) with { Rotational = true });
        rig.On(Zram(2048, 0) with { Rotational = true });
        Assert.Equal(
            [new(0, 1), new(1, 1), new(0, 2), new(1, 2), new(0, 3), new(1, 3)],
            rig.TakeEntries(6));
    }

    [Fact]
    public void The_hint_wins_over_a_higher_priority_until_its_cluster_is_used_up()
    {
        uint first = rig.On(Zram(2048, 0));
        rig.Take(3);
        uint second = rig.On(Zram(2048, 5));
        SwapEntry[] entries = rig.TakeEntries(509);
        Assert.Equal(new SwapEntry(first, 511), entries[507]);
        Assert.Equal(new SwapEntry(second, 1), entries[508]);
    }
}
