using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>When slots that only the swap cache holds are taken from it.</summary>
public sealed class SwapCacheReclaimTests : IDisposable
{
    private readonly SwapRig<CheckedModel> rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public void The_allocation_that_fills_an_area_frees_every_cache_only_slot_but_its_own_and_locked_ones()
    {
        rig.On(SwapAreaOptions.Zram(10));
        uint[] frames = [.. Enumerable.Range(0, 8).Select(_ => rig.Bind().Frame)];
        foreach (uint frame in frames[1..])
            rig.Frames.Unlock(frame);
        Assert.Equal(8U, rig.Swap.InUse(0));
        (_, SwapEntry entry) = rig.Bind();
        Assert.Equal(9UL, entry.Offset);
        Assert.Equal([1UL, 9], rig.Swap.UsedSlots().Select(slot => slot.Entry.Offset));
        Assert.All(frames[1..], frame =>
        {
            Assert.True(rig.Frames.Has(frame, FrameFlags.Dirty));
            Assert.False(rig.Frames.Has(frame, FrameFlags.SwapCache));
            Assert.Equal(1U, rig.Frames.References(frame));
        });
        rig.AssertSound();
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 5)]
    public void A_scan_takes_a_cache_only_slot_on_its_way_when_swap_is_half_full(bool locked, ulong expected)
    {
        rig.On(SwapAreaOptions.Zram(10));
        rig.Used(1);
        uint frame = rig.Bind().Frame; // slot 2, locked while the area fills
        SwapEntry[] rest = [.. Enumerable.Range(0, 6).Select(_ => rig.Used(1))];
        rig.Swap.Put(rest[2]); // slot 5
        Assert.Equal(9UL, rig.Used(1).Offset);
        if (!locked)
            rig.Frames.Unlock(frame);
        Assert.Equal(expected, rig.Bind().Entry.Offset);
        Assert.Equal(locked, rig.Frames.Has(frame, FrameFlags.SwapCache));
        rig.AssertSound();
    }

    [Fact]
    public void A_scan_leaves_cache_only_slots_alone_while_most_of_swap_is_free()
    {
        rig.On(SwapAreaOptions.Zram(10));
        rig.On(SwapAreaOptions.Zram(64));
        rig.Used(1);
        uint frame = rig.Bind().Frame;
        rig.Frames.Unlock(frame);
        SwapEntry[] rest = [.. Enumerable.Range(0, 7).Select(_ => rig.Used(1))];
        rig.Swap.Put(rest[2]);
        Assert.Equal(new SwapEntry(0, 5), rig.Bind().Entry);
        Assert.True(rig.Frames.Has(frame, FrameFlags.SwapCache));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(true, true, true)]
    public void The_last_put_takes_the_folio_out_if_it_is_unmapped_or_swap_half_full(bool mapped, bool full, bool leaves)
    {
        rig.On(SwapAreaOptions.Zram(9));
        (uint frame, SwapEntry entry) = rig.Bind();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        rig.Frames.Unlock(frame);
        if (mapped)
            rig.Frames.AddMapping(frame);
        if (full)
            rig.Take(5);
        Assert.Equal(full, rig.Swap.IsHalfFull);
        rig.Swap.PutAndReclaim(entry);
        Assert.Equal(leaves, !rig.Frames.Has(frame, FrameFlags.SwapCache));
        Assert.Equal(!leaves, rig.Swap.Map[entry].IsCacheOnly);
        rig.AssertConsistent();
    }

    [Fact]
    public void The_last_put_leaves_a_locked_folio_in_the_cache()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (_, SwapEntry entry) = rig.Bind();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        rig.Swap.PutAndReclaim(entry);
        Assert.True(rig.Swap.Map[entry].IsCacheOnly);
        rig.AssertSound();
    }

    [Fact]
    public void Freeing_a_slot_does_not_look_at_references_but_at_counts_and_writeback()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (uint frame, SwapEntry entry) = rig.Bind();
        rig.Frames.Get(frame, 5);
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        Assert.False(rig.Swap.TryFreeSlot(frame));
        rig.Swap.Put(entry);
        rig.Frames.Set(frame, FrameFlags.Writeback);
        Assert.False(rig.Swap.TryFreeSlot(frame));
        rig.Frames.Clear(frame, FrameFlags.Writeback | FrameFlags.Dirty);
        Assert.True(rig.Swap.TryFreeSlot(frame));
        Assert.True(rig.Frames.Has(frame, FrameFlags.Dirty));
        Assert.Equal(6U, rig.Frames.References(frame));
        Assert.False(rig.Swap.TryFreeSlot(frame));
    }

    [Fact]
    public void A_folio_whose_references_are_frozen_leaves_the_cache_without_losing_one_more()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (uint frame, SwapEntry entry) = rig.Bind();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        Assert.Equal(SwapWrite.Done, rig.Swap.Write(frame));
        Assert.True(rig.Frames.TryFreeze(frame, 2));
        rig.Swap.RemoveFrozenFromCache(frame, shadow: 5);
        Assert.Equal((0U, 5U, 0U), (rig.Frames.References(frame), rig.Swap.Shadow(entry), rig.Swap.Lookup(entry)));
        rig.Frames.Unlock(frame);
        rig.Folios.FreeUnreferenced(frame);
        rig.AssertSound();
    }

    [Fact]
    public void A_lookup_gives_a_reference_and_proves_nothing()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (uint frame, SwapEntry entry) = rig.Bind();
        Assert.Equal(frame, rig.Swap.Lookup(entry));
        Assert.Equal(3U, rig.Frames.References(frame));
        Assert.True(rig.Swap.TryFreeSlot(frame));
        Assert.Equal(0U, rig.Swap.Lookup(entry));
        Assert.Equal(SwapResult.Ok, rig.Swap.TryAllocate(frame, out SwapEntry other));
        Assert.NotEqual(entry, other);
        Assert.False(rig.Swap.IsBound(frame, entry)); // same folio, in the cache, another slot
        Assert.True(rig.Swap.IsBound(frame, other));
    }

    [Fact]
    public void Checked_machines_want_the_folio_locked()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (uint frame, SwapEntry entry) = rig.Bind();
        rig.Frames.Unlock(frame);
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.TryDuplicate(entry));
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.IsBound(frame, entry));
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.RemoveFromCache(frame));
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.TryFreeSlot(frame));
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.Write(frame));
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.Read(entry, frame));
        Assert.Throws<SynchronizationLockException>(() => rig.Swap.TryAllocate(frame, out _));
    }
}
