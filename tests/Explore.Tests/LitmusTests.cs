namespace PageTableEmu.Explore.Tests;

/// <summary>The well-known small programs that tell memory orders apart: each order shows exactly what it allows.</summary>
public sealed class LitmusTests
{
    private const MemoryOrder Sc = MemoryOrder.SequentiallyConsistent;
    private const MemoryOrder Tso = MemoryOrder.TotalStoreOrder;
    private const MemoryOrder Rmo = MemoryOrder.Relaxed;

    [Theory]
    [InlineData(Sc, false, "0 1,1 0,1 1")]
    [InlineData(Sc, true, "0 1,1 0,1 1")]
    [InlineData(Tso, false, "0 0,0 1,1 0,1 1")]
    [InlineData(Tso, true, "0 1,1 0,1 1")]
    [InlineData(Rmo, false, "0 0,0 1,1 0,1 1")]
    [InlineData(Rmo, true, "0 1,1 0,1 1")]
    public void StoreBuffering(MemoryOrder order, bool fences, string allowed) => Check(order, "ab", allowed, 2, words =>
    [
        () => { words.Store(0, 1); Fence(fences); words.Load('a', 1); },
        () => { words.Store(1, 1); Fence(fences); words.Load('b', 0); },
    ]);

    [Theory]
    [InlineData(Tso)]
    [InlineData(Rmo)]
    public void StoreBuffering_WithInterlockedStores(MemoryOrder order) => Check(order, "ab", "0 1,1 0,1 1", 2, words =>
    [
        () => { words.Exchange('c', 0, 1); words.Load('a', 1); },
        () => { words.Exchange('d', 1, 1); words.Load('b', 0); },
    ]);

    [Theory]
    [InlineData(Sc, false, false, "0 0,0 1,1 1")]
    [InlineData(Tso, false, false, "0 0,0 1,1 1")]
    [InlineData(Rmo, false, false, "0 0,0 1,1 0,1 1")]
    [InlineData(Rmo, true, false, "0 0,0 1,1 0,1 1")]
    [InlineData(Rmo, false, true, "0 0,0 1,1 0,1 1")]
    [InlineData(Rmo, true, true, "0 0,0 1,1 1")]
    public void MessagePassing(MemoryOrder order, bool writerFence, bool readerFence, string allowed) => Check(order, "ab", allowed, 2, words =>
    [
        () => { words.Store(0, 1); Fence(writerFence); words.Store(1, 1); },
        () => { words.Load('a', 1); Fence(readerFence); words.Load('b', 0); },
    ]);

    /// <summary>No order here lets a load see a store that comes later than itself.</summary>
    [Theory]
    [InlineData(Sc)]
    [InlineData(Tso)]
    [InlineData(Rmo)]
    public void LoadBuffering(MemoryOrder order) => Check(order, "ab", "0 0,0 1,1 0", 2, words =>
    [
        () => { words.Load('a', 0); words.Store(1, 1); },
        () => { words.Load('b', 1); words.Store(0, 1); },
    ]);

    [Theory]
    [InlineData(Sc, false, false)]
    [InlineData(Tso, false, false)]
    [InlineData(Rmo, false, true)]
    [InlineData(Rmo, true, false)]
    public void IndependentReadsOfIndependentWrites(MemoryOrder order, bool fences, bool allowed)
    {
        SortedSet<string> outcomes = Outcomes(order, "abcd", 2, words =>
        [
            () => words.Store(0, 1),
            () => words.Store(1, 1),
            () => { words.Load('a', 0); Fence(fences); words.Load('b', 1); },
            () => { words.Load('c', 1); Fence(fences); words.Load('d', 0); },
        ]);
        Assert.Equal(allowed, outcomes.Contains("1 0 1 0")); // the readers disagree about which store came first
        Assert.Equal(allowed ? 16 : 15, outcomes.Count);
    }

    /// <summary>Loads of one word never go back in time, whatever the order.</summary>
    [Theory]
    [InlineData(Sc)]
    [InlineData(Tso)]
    [InlineData(Rmo)]
    public void CoherenceOfOneWord(MemoryOrder order) => Check(order, "ab", "0 0,0 1,0 2,1 1,1 2,2 2", 1, words =>
    [
        () => { words.Store(0, 1); words.Store(0, 2); },
        () => { words.Load('a', 0); words.Load('b', 0); },
    ]);

    [Theory]
    [InlineData(Sc, "1 2,2 1,2 2")]
    [InlineData(Tso, "1 2,2 1,2 2")]
    [InlineData(Rmo, "1 1,1 2,2 1,2 2")]
    public void TwoPlusTwoWrites(MemoryOrder order, string allowed) => Check(order, "01", allowed, 2, words =>
    [
        () => { words.Store(0, 1); words.Store(1, 2); },
        () => { words.Store(1, 1); words.Store(0, 2); },
    ]);

    [Theory]
    [InlineData(Tso)]
    [InlineData(Rmo)]
    public void OwnStores_AreSeenAtOnce(MemoryOrder order) => Check(order, "ab", "1 1", 2, words =>
    [
        () => { words.Store(0, 1); words.Load('a', 0); },
        () => { words.Store(1, 1); words.Load('b', 1); },
    ]);

    [Theory]
    [InlineData(Tso)]
    [InlineData(Rmo)]
    public void Locks_HoldInAllOrders(MemoryOrder order) => Check(order, "0", "2", 2, words =>
    [
        () => { words.Lock(1); words.Load('a', 0); words.Store(0, (ulong)words["a"] + 1); Words.Fence(); words.Unlock(1); },
        () => { words.Lock(1); words.Load('b', 0); words.Store(0, (ulong)words["b"] + 1); Words.Fence(); words.Unlock(1); },
    ]);

    private static void Fence(bool wanted)
    {
        if (wanted)
            Words.Fence();
    }

    private static void Check(MemoryOrder order, string shown, string allowed, int words, Func<Words, Action[]> bodies) =>
        Assert.Equal(allowed, string.Join(',', Outcomes(order, shown, words, bodies)));

    private static SortedSet<string> Outcomes(MemoryOrder order, string shown, int count, Func<Words, Action[]> bodies)
    {
        var words = new Words(count);
        ExplorationResult result = Explorer.Check(
            words.Program(shown, bodies(words)), new ExplorerOptions
            {
                MemoryOrder = order,
                Preemptions = count == 2 && shown.Length == 4 ? 3 : 4,
                Delays = 3,
            });
        Assert.True(result.Exhausted);
        return words.Outcomes;
    }
}
