using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Swapon, swapoff, pins and totals.</summary>
public sealed class SwapAreaTests : IDisposable
{
    private readonly SwapRig<CheckedModel> rig = new(slots: 1024, cluster: 64);

    public void Dispose() => rig.Dispose();

    [Fact]
    public void An_area_takes_the_lowest_number_and_its_room_comes_back()
    {
        Assert.Equal([0U, 1, 2], (uint[])[rig.On(SwapAreaOptions.Zram(200)), rig.On(SwapAreaOptions.Zram(300)), rig.On(SwapAreaOptions.Zram(500))]);
        Assert.Equal(SwapResult.NoMemory, rig.Swap.SwapOn(SwapAreaOptions.Zram(100), out _));
        Off(1);
        Assert.Equal(SwapResult.NoMemory, rig.Swap.SwapOn(SwapAreaOptions.Zram(301), out _));
        Assert.Equal(1U, rig.On(SwapAreaOptions.Zram(300)));
        rig.AssertSound();
    }

    [Fact]
    public void There_are_at_most_24_areas()
    {
        for (uint type = 0; type < 24; type++)
            Assert.Equal(type, rig.On(SwapAreaOptions.Zram(2)));
        Assert.Equal(SwapResult.Invalid, rig.Swap.SwapOn(SwapAreaOptions.Zram(2), out _));
        Assert.Equal(24, rig.Drain());
        rig.AssertConsistent();
    }

    [Fact]
    public void Swapoff_waits_for_slots_and_forgets_the_area()
    {
        rig.On(SwapAreaOptions.Zram(10));
        SwapEntry entry = rig.Used(1);
        Assert.Equal(SwapResult.Invalid, rig.Swap.FinishSwapOff(0)); // not begun
        Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(0));
        Assert.Equal(SwapResult.Invalid, rig.Swap.FinishSwapOff(0)); // a slot is in use
        Assert.Equal(SwapResult.Full, rig.Swap.TryReserve(out _));
        Assert.True(rig.Swap.TryPinArea(entry)); // still readable
        rig.Swap.UnpinArea(entry);
        rig.AssertSound();
        rig.Swap.Put(entry);
        Assert.Equal(SwapResult.Ok, rig.Swap.FinishSwapOff(0));
        Assert.False(rig.Swap.TryPinArea(entry));
        Assert.Equal(SwapResult.Invalid, rig.Swap.TryDuplicate(entry));
        Assert.Equal(SwapResult.Invalid, rig.Swap.Peek(entry, new byte[4096]));
        Assert.Equal(SwapResult.Invalid, rig.Swap.FinishSwapOff(0));
        Assert.Equal(SwapResult.Invalid, rig.Swap.BeginSwapOff(0));
        Assert.False(rig.Swap.HasActiveArea);
        rig.AssertSound();
    }

    [Fact]
    public void Finishing_waits_for_a_pin_of_the_area()
    {
        rig.On(SwapAreaOptions.Zram(10));
        var entry = new SwapEntry(0, 1);
        Assert.True(rig.Swap.TryPinArea(entry));
        Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(0));
        var result = SwapResult.Error;
        var finish = new Thread(() => result = rig.Swap.FinishSwapOff(0));
        finish.Start();
        Assert.True(SpinWait.SpinUntil(
            () => !rig.Swap.TryPinArea(entry) || Unpinned(entry), TimeSpan.FromSeconds(20)), "the area stays alive");
        Assert.True(finish.IsAlive);
        rig.Swap.UnpinArea(entry);
        Assert.True(finish.Join(TimeSpan.FromSeconds(20)));
        Assert.Equal(SwapResult.Ok, result);
        rig.AssertSound();
    }

    [Fact]
    public void A_swapoff_taken_back_hands_out_slots_again()
    {
        rig.On(SwapAreaOptions.Zram(10));
        rig.Take(3);
        Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(0));
        Assert.False(rig.Swap.HasActiveArea);
        rig.Swap.AbortSwapOff(0);
        Assert.True(rig.Swap.HasActiveArea);
        Assert.Equal(6, rig.Drain());
        rig.AssertConsistent();
        Assert.Throws<InvalidOperationException>(() => rig.Swap.AbortSwapOff(0));
    }

    [Fact]
    public void Automatic_priorities_close_up_behind_an_area_that_goes()
    {
        foreach (int _ in Enumerable.Range(0, 3))
            rig.On(SwapAreaOptions.Zram(3));
        Off(1);
        Assert.Equal(1U, rig.On(SwapAreaOptions.Zram(3))); // now the last
        Assert.Equal([0U, 0, 2, 2, 1, 1], rig.TakeEntries(6).Select(entry => entry.Type));
    }

    [Fact]
    public void Half_full_means_less_than_half_free()
    {
        rig.On(SwapAreaOptions.Zram(9));
        rig.Take(4);
        Assert.False(rig.Swap.IsHalfFull);
        rig.Take();
        Assert.True(rig.Swap.IsHalfFull);
        rig.On(SwapAreaOptions.Zram(9));
        Assert.False(rig.Swap.IsHalfFull);
        Assert.Equal((5U, 0U, 5UL), (rig.Swap.InUse(0), rig.Swap.InUse(1), rig.Swap.TotalInUse));
    }

    [Fact]
    public void Generations_grow_with_every_use_and_across_swapoff()
    {
        rig.On(SwapAreaOptions.Zram(2));
        var entry = new SwapEntry(0, 1);
        for (uint use = 1; use < 6; use++)
        {
            Assert.Equal(1UL, rig.Take());
            Assert.Equal(use, rig.Swap.Map[entry].Generation);
            rig.Free(1);
            Assert.Equal(use, rig.Swap.Map[entry].Generation);
            if (use != 3)
                continue;
            Off(0);
            rig.On(SwapAreaOptions.Zram(2));
        }
    }

    [Fact]
    public void Nonsense_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Swap.SwapOn(SwapAreaOptions.Zram(1), out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Swap.SwapOn(SwapAreaOptions.Zram(5) with { Priority = -1 }, out _));
        Assert.Throws<ArgumentException>(() => rig.Swap.SwapOn(SwapAreaOptions.Zram(5) with { BadSlots = [5] }, out _));
        Assert.Throws<ArgumentException>(() => rig.Swap.SwapOn(SwapAreaOptions.Zram(5) with { BadSlots = [0] }, out _));
        Assert.Equal(SwapResult.Invalid, rig.Swap.SwapOn(SwapAreaOptions.Zram(3) with { BadSlots = [1, 2] }, out _));
        Assert.Equal(SwapResult.Invalid, rig.Swap.BeginSwapOff(31));
        Assert.False(rig.Swap.TryPinArea(default));
        Assert.False(rig.Swap.TryPinArea(new SwapEntry(30, 1)));
        rig.AssertSound();
    }

    private bool Unpinned(SwapEntry entry)
    {
        rig.Swap.UnpinArea(entry);
        return false;
    }

    private void Off(uint type)
    {
        Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(type));
        Assert.Equal(SwapResult.Ok, rig.Swap.FinishSwapOff(type));
    }
}
