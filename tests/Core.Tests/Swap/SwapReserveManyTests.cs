using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>
/// Slots reserved many at once are those that one call for each gives, whatever was taken and freed before; and passing over owned slots eight at a
/// time (models that check nothing) finds what looking at each finds.
/// </summary>
public sealed class SwapReserveManyTests
{
    /// <summary>Clusters of 64 slots, and priorities of the areas; a priority of -1 is given by the machine.</summary>
    public static TheoryData<int, int, int> Machines()
    {
        var machines = new TheoryData<int, int, int>();
        for (int seed = 1; seed <= 6; seed++)
        {
            machines.Add(seed, -1, -1);
            machines.Add(seed, 5, 5);
            machines.Add(seed, 3, 5);
        }

        return machines;
    }

    [Theory]
    [MemberData(nameof(Machines))]
    public void Many_at_once_equal_one_by_one(int seed, int priority, int otherPriority)
    {
        using var one = new SwapTwin<CheckedModel>(priority, otherPriority);
        using var many = new SwapTwin<CheckedModel>(priority, otherPriority);
        using var unchecked1 = new SwapTwin<Mainline>(priority, otherPriority);
        var random = new Random(seed);
        var held = new List<SwapEntry>();
        for (int round = 0; round < 80; round++)
        {
            int wanted = random.Next(1, 150);
            SwapEntry[] expected = [.. Enumerable.Range(0, wanted)
                .Select(_ => one.Swap.TryReserve(out SwapEntry entry) == SwapResult.Ok ? entry : default)
                .TakeWhile(entry => !entry.IsNone)];
            Assert.Equal(expected, many.Take(wanted));
            Assert.Equal(expected, unchecked1.Take(wanted));
            string state = one.Describe();
            Assert.Equal(state, many.Describe());
            Assert.Equal(state, unchecked1.Describe());
            held.AddRange(expected);
            if (random.Next(3) == 0)
            {
                SwapEntry cached = one.Bind();
                Assert.Equal(cached, many.Bind());
                Assert.Equal(cached, unchecked1.Bind());
            }

            // Mostly few are freed, so that clusters have few free slots each.
            int freed = random.Next(random.Next(4) == 0 ? held.Count + 1 : Math.Min(held.Count, 40) + 1);
            for (int i = freed; i > 0; i--)
            {
                int at = random.Next(held.Count);
                one.Swap.UnpinSlot(held[at]);
                many.Swap.UnpinSlot(held[at]);
                unchecked1.Swap.UnpinSlot(held[at]);
                held.RemoveAt(at);
            }
        }
    }

    /// <summary>
    /// Swap is half full before: on its way the search lets go of the cluster, to have a slot freed that the swap cache alone holds. What was
    /// reserved until then is counted by then, or swapoff could take the area for emptier than it is.
    /// </summary>
    [Fact]
    public void Slots_are_counted_before_the_cluster_is_let_go_of_checked() => Slots_are_counted_before_the_cluster_is_let_go_of<CheckedModel>();

    [Fact]
    public void Slots_are_counted_before_the_cluster_is_let_go_of_unchecked() => Slots_are_counted_before_the_cluster_is_let_go_of<Mainline>();

    /// <summary>
    /// Two threads take and free slots while a third begins swapoff and takes it back: no slot has two owners, and when swapoff has begun all that
    /// was taken is counted.
    /// </summary>
    [Fact]
    public void Threads_that_reserve_meet_swapoff()
    {
        using var twin = new SwapTwin<Mainline>(5, 5);
        var owners = new int[2 * 1024];
        int wrong = 0;
        int working = 2;
        Thread[] threads = [.. Enumerable.Range(1, 2).Select(worker => new Thread(() =>
        {
            var random = new Random(worker);
            var held = new List<SwapEntry>();
            for (int round = 0; round < 6000; round++)
            {
                foreach (SwapEntry entry in twin.Take(random.Next(1, 100)))
                {
                    if (Interlocked.Exchange(ref owners[(entry.Type * 1024) + entry.Offset], worker) != 0)
                        Interlocked.Increment(ref wrong);
                    held.Add(entry);
                }

                for (int i = round == 5999 ? held.Count : random.Next(Math.Min(held.Count, 60) + 1); i > 0; i--)
                {
                    int at = random.Next(held.Count);
                    Interlocked.Exchange(ref owners[(held[at].Type * 1024) + held[at].Offset], 0);
                    twin.Swap.UnpinSlot(held[at]);
                    held.RemoveAt(at);
                }
            }

            Interlocked.Decrement(ref working);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        for (uint type = 0; Volatile.Read(ref working) != 0; type ^= 1)
        {
            Assert.Equal(SwapResult.Ok, twin.Swap.BeginSwapOff(type));
            uint counted = twin.Swap.InUse(type);
            int used = twin.Swap.UsedSlots().Count(slot => slot.Entry.Type == type); // slots may come free meanwhile: never more than were counted
            twin.Swap.AbortSwapOff(type);
            if (used > counted)
                Interlocked.Increment(ref wrong);
        }

        foreach (Thread thread in threads)
            thread.Join();
        Assert.Equal(0, wrong);
        Assert.Equal(0UL, twin.Swap.TotalInUse);
        Assert.Empty(new SwapVerifier<Mainline>(twin.Swap, twin.Folios).Verify());
    }

    /// <summary>Whatever the links of the clusters are damaged to, reserving ends: with slots, with none, or with an exception.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Damaged_lists_end(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            using var twin = new SwapTwin<Mainline>(5, 5);
            SwapEntry[] held = twin.Take(690);
            foreach (SwapEntry entry in held)
            {
                if (random.Next(8) == 0)
                    twin.Swap.UnpinSlot(entry);
            }

            for (int i = 0; i < 3; i++)
            {
                ref SwapAreaRecord area = ref twin.Swap.Areas[(uint)random.Next(2)];
                ref SwapClusterRecord cluster = ref twin.Swap.Areas.Cluster(ref area, (uint)random.Next((int)area.Clusters));
                switch (random.Next(4))
                {
                    case 0:
                        cluster.Next = (uint)random.Next((int)area.Clusters + 3);
                        break;
                    case 1:
                        cluster.Previous = (uint)random.Next((int)area.Clusters + 1);
                        break;
                    case 2:
                        cluster.Used = (uint)random.Next(70);
                        break;
                    default:
                        cluster.Open = 0;
                        break;
                }
            }

            try
            {
                Assert.InRange(twin.Take(150).Length, 0, 150);
            }
            catch (CorruptImageException)
            {
                // said what it found
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_first_unowned_word_is_found_wherever_it_lies(bool orCacheOnly)
    {
        var cluster = new SwapClusterRecord { Open = SlotGroups.AllOpen };
        SwapSlotWord owned = default(SwapSlotWord).AsReserved.AsUnpinned.WithCount(3);
        SwapSlotWord cacheOnly = default(SwapSlotWord).AsAllocated(77);
        for (int length = 0; length < 40; length++)
        {
            for (int at = 0; at <= length; at++)
            {
                ulong[] words = [.. Enumerable.Repeat(owned.Value, length)];
                if (at < length)
                    words[at] = default(SwapSlotWord).AsReserved.AsFree.Value;
                if (at > 1)
                    words[at - 1] = cacheOnly.Value;
                int expected = orCacheOnly && at > 1 ? at - 1 : at;
                cluster.Open = SlotGroups.AllOpen;
                for (int round = 0; round < 2; round++) // the second time groups without such words are passed over
                {
                    for (int from = 0; from <= expected; from++)
                        Assert.Equal(expected, SlotGroups.Next(ref cluster, words, from, orCacheOnly));
                    Assert.Equal(length, SlotGroups.Next(ref cluster, words, Math.Min(at + 1, length), orCacheOnly));
                }
            }
        }
    }

    private static void Slots_are_counted_before_the_cluster_is_let_go_of<TModel>()
        where TModel : IModel
    {
        using var rig = new SwapRig<TModel>(slots: 256, cluster: 64);
        uint type = rig.On(SwapAreaOptions.Zram(200));
        rig.Take(130);
        (uint frame, SwapEntry cached) = rig.Bind();
        rig.Release(frame);
        rig.Take(4); // to the end of the cluster
        ulong[] before = [cached.Offset - 3, cached.Offset - 2, cached.Offset - 1];
        foreach (ulong offset in before)
            rig.Free(offset);
        rig.Free(cached.Offset + 1); // so that the cluster is not full without it
        Assert.Equal(before[0], rig.Take()); // now the hint names the slot behind it
        Assert.True(rig.Swap.IsHalfFull);
        var listener = new CountAtFree<TModel>(rig.Swap, type);
        rig.Swap.TagEvents = listener;
        var entries = new SwapEntry[3];
        Assert.Equal(3, rig.Swap.TryReserve(entries));
        Assert.Equal([before[1], before[2], cached.Offset], entries.Select(entry => entry.Offset));
        Assert.Equal([(cached.Offset, 134U, 134)], listener.Seen); // the freed slot is counted off last
        rig.AssertConsistent();
    }

    /// <summary>Notes of each slot that is freed how many are counted then, and how many there are with it.</summary>
    private sealed class CountAtFree<TModel>(SwapSpace<TModel> swap, uint type) : ISlotTagEvents
        where TModel : IModel
    {
        public List<(ulong Slot, uint Counted, int Used)> Seen { get; } = [];

        public bool TryPrepareToSwap(uint frame, uint pages) => true;

        public void SlotFreed(SwapEntry slot) => Seen.Add((slot.Offset, swap.InUse(type), swap.UsedSlots().Count() + 1));

        public void AreaFreed(uint type)
        {
        }
    }
}
