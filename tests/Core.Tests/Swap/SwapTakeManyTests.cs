using PageTableEmu.Atomics;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Slots taken without folios, and references put many at once: what one call for each leaves, whoever else holds some slots.</summary>
public sealed class SwapTakeManyTests
{
    [Fact]
    public void A_taken_slot_has_one_reference_and_reads_as_zero()
    {
        using var rig = new SwapRig<CheckedModel>(slots: 256, cluster: 64);
        uint type = rig.On(SwapAreaOptions.Zram(200));
        var entries = new SwapEntry[150];
        Assert.Equal(150, rig.Swap.TryTake(entries));
        Assert.Equal(150, entries.Distinct().Count());
        foreach (SwapEntry entry in entries)
        {
            SwapSlotWord word = rig.Swap.Map[entry];
            Assert.Equal((SwapSlotTag.InUse, 1U, false, true), (word.Tag, word.Count, word.IsPinned, word.IsZero));
        }

        uint frame = rig.NewLocked(content: 0x77);
        Assert.Equal(SwapResult.Ok, rig.Swap.Read(entries[3], frame));
        Assert.True(rig.Frames.Bytes(frame).IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal(150U, rig.Swap.InUse(type));
        Assert.Equal(49, rig.Swap.TryTake(entries)); // slot 0 is the header
        Assert.Equal(0, rig.Swap.TryTake(entries));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Many_puts_equal_one_by_one(int seed)
    {
        using var one = new SwapTwin<CheckedModel>(5, 5);
        using var many = new SwapTwin<CheckedModel>(5, 5);
        using var unchecked1 = new SwapTwin<Mainline>(5, 5);
        var random = new Random(seed);
        var held = new List<SwapEntry>(); // an entry for each reference
        for (int round = 0; round < 120; round++)
        {
            var taken = new SwapEntry[random.Next(1, 200)];
            int count = one.Swap.TryTake(taken);
            var others = new SwapEntry[taken.Length];
            Assert.Equal(count, many.Swap.TryTake(others));
            Assert.Equal(taken, others);
            Assert.Equal(count, unchecked1.Swap.TryTake(others));
            held.AddRange(taken[..count]);
            for (int i = random.Next(6); i > 0 && held.Count != 0; i--)
            {
                SwapEntry shared = held[random.Next(held.Count)];
                Assert.Equal(SwapResult.Ok, one.Swap.TryDuplicate(shared));
                Assert.Equal(SwapResult.Ok, many.Swap.TryDuplicate(shared));
                Assert.Equal(SwapResult.Ok, unchecked1.Swap.TryDuplicate(shared));
                held.Add(shared);
            }

            if (random.Next(3) == 0)
                random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(held));
            int first = random.Next(held.Count + 1);
            SwapEntry[] given = [.. held.Skip(first).Take(random.Next(260))];
            held.RemoveRange(first, given.Length);
            foreach (SwapEntry entry in given)
                one.Swap.Put(entry);
            many.Swap.Put(given);
            unchecked1.Swap.Put(given);
            string state = one.Describe();
            Assert.Equal(state, many.Describe());
            Assert.Equal(state, unchecked1.Describe());
            foreach (SwapEntry entry in given)
                Assert.Equal(one.Swap.Map[entry], many.Swap.Map[entry]);
        }

        many.Swap.Put(held.ToArray());
        Assert.Equal(0UL, many.Swap.TotalInUse);
        Assert.Empty(new SwapVerifier<CheckedModel>(many.Swap, many.Folios).Verify());
    }

    [Fact]
    public void A_slot_that_the_cache_or_a_pin_holds_stays()
    {
        using var rig = new SwapRig<CheckedModel>(slots: 256, cluster: 64);
        rig.On(SwapAreaOptions.Zram(200));
        var entries = new SwapEntry[5];
        Assert.Equal(5, rig.Swap.TryTake(entries));
        uint frame = rig.NewLocked();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryAddToCache(entries[1], frame));
        Assert.Equal(SwapResult.Ok, rig.Swap.TryPinSlot(entries[3]));
        rig.Swap.Put(entries);
        Assert.Equal([true, false, true, false, true], entries.Select(entry => rig.Swap.Map[entry].IsFree));
        Assert.True(rig.Swap.Map[entries[1]].IsCacheOnly);
        rig.Swap.RemoveFromCache(frame);
        rig.Swap.UnpinSlot(entries[3]);
        Assert.All(entries, entry => Assert.True(rig.Swap.Map[entry].IsFree));
    }

    [Fact]
    public void Putting_what_nobody_has_is_refused()
    {
        using var rig = new SwapRig<CheckedModel>(slots: 256, cluster: 64);
        rig.On(SwapAreaOptions.Zram(200));
        var entries = new SwapEntry[2];
        rig.Swap.TryTake(entries);
        rig.Swap.Put(entries);
        Assert.Throws<InvalidOperationException>(() => rig.Swap.Put(entries));
        Assert.Throws<InvalidOperationException>(() => rig.Swap.Put([new SwapEntry(7, 3)]));
        rig.Swap.Put([]);
    }

    /// <summary>
    /// A thread puts runs while another shares, reads and lets go of slots of the same runs: each slot is freed once, by who was last.
    /// </summary>
    [Fact]
    public void Threads_that_put_runs_meet_those_who_share_them()
    {
        using var twin = new SwapTwin<Mainline>(5, 5);
        SwapEntry[] run = [];
        using var barrier = new Barrier(2);
        int wrong = 0;
        var sharer = new Thread(() =>
        {
            for (int round = 0; round < 3000; round++)
            {
                barrier.SignalAndWait();
                SwapEntry[] mine = run;
                for (int i = 0; i < mine.Length; i += 3) // of these the sharer has a reference
                {
                    if (twin.Swap.TryDuplicate(mine[i]) != SwapResult.Ok || twin.Swap.TryPinSlot(mine[i]) != SwapResult.Ok)
                        Interlocked.Increment(ref wrong);
                    twin.Swap.UnpinSlot(mine[i]);
                    twin.Swap.Put(mine[i]);
                    twin.Swap.Put(mine[i]);
                }

                barrier.SignalAndWait();
            }
        });
        sharer.Start();
        for (int round = 0; round < 3000; round++)
        {
            var taken = new SwapEntry[100];
            int count = twin.Swap.TryTake(taken);
            run = taken[..count];
            for (int i = 0; i < count; i += 3)
                twin.Swap.TryDuplicate(run[i]);
            barrier.SignalAndWait();
            twin.Swap.Put(run);
            barrier.SignalAndWait();
            wrong += run.Count(entry => !twin.Swap.Map[entry].IsFree);
        }

        sharer.Join();
        Assert.Equal(0, wrong);
        Assert.Equal(0UL, twin.Swap.TotalInUse);
        Assert.Empty(new SwapVerifier<Mainline>(twin.Swap, twin.Folios).Verify());
    }
}
