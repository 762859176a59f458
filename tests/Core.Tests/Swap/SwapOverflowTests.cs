using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Counts beyond the slot word.</summary>
public sealed class SwapOverflowTests
{
    [Fact]
    public void Counts_cross_the_limit_in_both_directions_and_stay_exact()
    {
        using var rig = new SwapRig<LimitTwo>(overflows: 3);
        rig.On(SwapAreaOptions.Zram(16));
        SwapEntry[] entries = [rig.Used(1), rig.Used(1), rig.Used(1)];
        var random = new Random(1);
        uint[] counts = [1, 1, 1];
        for (int step = 0; step < 5000; step++)
        {
            int i = random.Next(3);
            if (random.Next(2) == 0 || counts[i] == 1)
            {
                Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entries[i]));
                counts[i]++;
            }
            else
            {
                rig.Swap.Put(entries[i]);
                counts[i]--;
            }

            Assert.Equal(counts[i], rig.Swap.Count(entries[i]));
            if (step % 50 == 0)
                rig.AssertSound();
        }
    }

    [Fact]
    public void A_full_table_refuses_one_more_overflow_and_takes_it_when_another_is_gone()
    {
        using var rig = new SwapRig<LimitTwo>(overflows: 2);
        rig.On(SwapAreaOptions.Zram(16));
        SwapEntry[] entries = [rig.Used(3), rig.Used(4), rig.Used(2)];
        Assert.Equal(SwapResult.NoMemory, rig.Swap.TryDuplicate(entries[2]));
        Assert.Equal(2U, rig.Swap.Count(entries[2]));
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entries[1])); // has its place already
        rig.Swap.Put(entries[0]);
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entries[2]));
        Assert.Equal([2U, 5U, 3U], entries.Select(rig.Swap.Count));
        rig.AssertSound();
    }

    [Fact]
    public void An_overflowed_count_survives_swap_in_and_reclaim_of_the_folio()
    {
        using var rig = new SwapRig<LimitTwo>();
        rig.On(SwapAreaOptions.Zram(16));
        SwapEntry entry = rig.Used(7);
        uint frame = rig.NewLocked();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryAddToCache(entry, frame));
        Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
        Assert.Equal(7U, rig.Swap.Count(entry));
        rig.Frames.Clear(frame, FrameFlags.Dirty);
        rig.Swap.RemoveFromCache(frame);
        for (uint count = 7; count > 0; count--)
        {
            Assert.Equal(count, rig.Swap.Count(entry));
            rig.Swap.Put(entry);
        }

        Assert.Equal(0U, rig.Swap.InUse(0));
        rig.AssertSound();
    }

    [Fact]
    public void Crossing_the_limit_from_four_threads_loses_no_count()
    {
        using var rig = new SwapRig<LimitThree>(overflows: 2);
        rig.On(SwapAreaOptions.Zram(16));
        SwapEntry[] entries = [rig.Used(2), rig.Used(2)];
        const int Rounds = 20000;
        long held = 0;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, worker =>
        {
            var random = new Random(worker);
            int[] mine = [0, 0];
            for (int i = 0; i < Rounds; i++)
            {
                int which = random.Next(2);
                if (mine[which] > 0 && random.Next(2) == 0)
                {
                    rig.Swap.Put(entries[which]);
                    mine[which]--;
                }
                else if (mine[which] < 3 && rig.Swap.TryDuplicate(entries[which]) == SwapResult.Ok)
                {
                    mine[which]++;
                }
            }

            Interlocked.Add(ref held, mine[0] + mine[1]);
        });
        Assert.Equal(4 + held, rig.Swap.Count(entries[0]) + rig.Swap.Count(entries[1]));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(SwapSlotWord.LargestCount)]
    public void The_default_limit_is_what_a_word_holds(uint limit) => Assert.Equal(limit, LimitOf<Mainline>());

    private static uint LimitOf<TModel>()
        where TModel : IModel => TModel.SlotCountLimit;
}
