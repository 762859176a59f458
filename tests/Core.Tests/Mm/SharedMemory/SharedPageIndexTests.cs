using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>The page index against a sorted dictionary, and threads that grow it together.</summary>
public sealed class SharedPageIndexTests
{
    private static readonly int[] Shifts = [0, 3, 6, 9, 12, 24, 30, 48, 63];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Index_AgainstADictionary_AgreesOnEveryPageAndOnTheOrder(int seed)
    {
        using var world = new SharedWorld<X64FourLevel, CheckedModel>(Backing.Zram);
        SharedPageIndex<CheckedModel> index = world.Objects.Index;
        uint number = world.Objects.TryCreate(ulong.MaxValue);
        var expected = new SortedDictionary<ulong, uint>();
        var random = new Random(seed);
        for (int step = 0; step < 3000; step++)
        {
            ulong page = (ulong)random.NextInt64() >> Shifts[random.Next(Shifts.Length)];
            uint frame = (uint)random.Next(1, 1 << 20);
            SharedPage now = expected.TryGetValue(page, out uint was) ? SharedPage.Of(was) : SharedPage.None;
            Assert.Equal(now, index.Load(number, page));
            if (random.Next(3) == 0)
            {
                Assert.False(index.TryReplace(number, page, SharedPage.Of(frame + (1u << 20)), SharedPage.None));
                Assert.Equal(!now.IsNone, index.TryReplace(number, page, now, SharedPage.None) && expected.Remove(page));
                continue;
            }

            Assert.True(index.TryEnsure(number, page));
            Assert.True(index.TryReplace(number, page, now, SharedPage.Of(frame)));
            expected[page] = frame;
        }

        var found = new List<KeyValuePair<ulong, uint>>();
        for (ulong page = 0; index.TryNext(number, ref page, out SharedPage place); page++)
            found.Add(new(page, place.Frame));
        Assert.Equal(expected, found);
        Assert.Equal(expected.Keys, index.ReadAll(number, []).Select(pair => pair.Page));
        uint before = index.BlocksInUse;
        Assert.True(before > 0);
        world.Objects.Free(number);
        Assert.Equal(0u, index.BlocksInUse);
    }

    [Fact]
    public void Index_GrownByFourThreads_LosesNoPageAndNoBlock()
    {
        const int Rounds = 200;
        using var world = new SharedWorld<X64FourLevel, CheckedModel>(Backing.Zram);
        SharedPageIndex<CheckedModel> index = world.Objects.Index;
        for (int round = 0; round < Rounds; round++)
        {
            uint number = world.Objects.TryCreate(ulong.MaxValue);
            int winners = 0;
            Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
            {
                for (int i = 0; i < 9; i++)
                {
                    ulong page = 1UL << (i * 6);
                    Assert.True(index.TryEnsure(number, page));
                    if (index.TryReplace(number, page, SharedPage.None, SharedPage.Of((uint)(thread + 1))))
                        Interlocked.Increment(ref winners);
                }
            });
            Assert.Equal(9, winners);
            var seen = new HashSet<uint>();
            Assert.Equal(9, index.ReadAll(number, seen).Count());
            Assert.Equal(index.BlocksInUse, (uint)seen.Count);
            world.Objects.Free(number);
        }
    }

    [Fact]
    public void Place_EveryKind_IsOneKindOnly()
    {
        var entry = new SwapEntry(31, 1);
        SharedPage[] places = [SharedPage.None, SharedPage.Lost, SharedPage.Of(1u), SharedPage.Of(uint.MaxValue), SharedPage.Of(entry)];
        foreach (SharedPage place in places)
            Assert.Equal(1, (place.IsNone ? 1 : 0) + (place.IsLost ? 1 : 0) + (place.IsFrame ? 1 : 0) + (place.IsSwap ? 1 : 0));
        Assert.Equal((uint.MaxValue, entry), (places[3].Frame, places[4].Entry));
    }
}
