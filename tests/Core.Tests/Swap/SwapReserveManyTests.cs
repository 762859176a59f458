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
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Many_at_once_equal_one_by_one(int seed)
    {
        using var one = new Twin<CheckedModel>();
        using var many = new Twin<CheckedModel>();
        using var unchecked1 = new Twin<Mainline>();
        var random = new Random(seed);
        var held = new List<SwapEntry>();
        for (int round = 0; round < 60; round++)
        {
            int wanted = random.Next(1, 90);
            SwapEntry[] expected = [.. Enumerable.Range(0, wanted)
                .Select(_ => one.Swap.TryReserve(out SwapEntry entry) == SwapResult.Ok ? entry : default)
                .TakeWhile(entry => !entry.IsNone)];
            Assert.Equal(expected, many.Take(wanted));
            Assert.Equal(expected, unchecked1.Take(wanted));
            held.AddRange(expected);
            for (int i = random.Next(held.Count + 1) / 2; i > 0; i--)
            {
                int at = random.Next(held.Count);
                one.Swap.UnpinSlot(held[at]);
                many.Swap.UnpinSlot(held[at]);
                unchecked1.Swap.UnpinSlot(held[at]);
                held.RemoveAt(at);
            }
        }

        Assert.Equal(one.Swap.TotalInUse, many.Swap.TotalInUse);
        Assert.Equal((ulong)held.Count, unchecked1.Swap.TotalInUse);
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

    private sealed class Twin<TModel> : IDisposable
        where TModel : IModel
    {
        private readonly MachineImage image = MachineImage.CreatePrivate(new MachineImageOptions
        {
            RamBytes = 1 << 20,
            SwapSlots = 1024,
            SwapStoreSlots = 1024,
            SwapClusterSlots = 64,
        });

        internal Twin()
        {
            Swap = new SwapSpace<TModel>(image, new Folios<TModel>(image));
            Assert.Equal(SwapResult.Ok, Swap.SwapOn(SwapAreaOptions.Zram(400), out _));
            Assert.Equal(SwapResult.Ok, Swap.SwapOn(SwapAreaOptions.Zram(300), out _));
        }

        internal SwapSpace<TModel> Swap { get; }

        public void Dispose()
        {
            Swap.Dispose();
            image.Dispose();
        }

        internal SwapEntry[] Take(int count)
        {
            var entries = new SwapEntry[count];
            return entries[..Swap.TryReserve(entries.AsSpan())];
        }
    }
}
