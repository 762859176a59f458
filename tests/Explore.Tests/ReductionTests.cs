namespace PageTableEmu.Explore.Tests;

/// <summary>The reduced search loses no outcome: small random programs, searched with and without it.</summary>
public sealed class ReductionTests
{
    private const int Programs = 20;

    [Theory]
    [InlineData(MemoryOrder.SequentiallyConsistent, Programs)]
    [InlineData(MemoryOrder.TotalStoreOrder, 15 * Programs)]
    public void RandomPrograms_HaveTheSameOutcomes_WithAndWithoutReduction(MemoryOrder order, int programs)
    {
        long reduced = 0;
        long full = 0;
        for (int seed = 1; seed <= programs; seed++)
        {
            for (int bound = 0; bound <= 3; bound++)
                Compare(seed, new ExplorerOptions { Preemptions = bound, MemoryOrder = order, Delays = seed % 3 }, ref reduced, ref full);
        }

        Assert.True(reduced * 4 < full, $"{reduced} executions instead of {full}: the reduction saves nothing");
    }

    [Fact]
    public void Shards_AreDisjoint_AndTogetherTheWholeSearch()
    {
        for (int seed = 1; seed <= 5; seed++)
        {
            (SortedSet<string> whole, HashSet<string> all) = Run(seed, new ExplorerOptions { Preemptions = 2 });
            SortedSet<string> together = new(StringComparer.Ordinal);
            HashSet<string> schedules = [];
            for (int shard = 0; shard < 3; shard++)
            {
                (SortedSet<string> part, HashSet<string> own) = Run(seed, new ExplorerOptions { Preemptions = 2, Shard = shard, Shards = 3 });
                together.UnionWith(part);
                Assert.Empty(own.Intersect(schedules));
                schedules.UnionWith(own);
            }

            Assert.Equal(whole, together);
            Assert.True(all.Count <= schedules.Count, $"{all.Count} of the whole, {schedules.Count} of the parts");
        }
    }

    [Fact]
    public void SearchThatIsStoppedAndResumed_SeesTheSame()
    {
        for (int seed = 1; seed <= 5; seed++)
        {
            (SortedSet<string> whole, HashSet<string> _) = Run(seed, new ExplorerOptions { Preemptions = 2 });
            SortedSet<string> pieces = new(StringComparer.Ordinal);
            SearchCheckpoint? checkpoint = null;
            int rounds = 0;
            do
            {
                var program = new RandomProgram(seed); // as another process would: nothing but the checkpoint is handed on
                string text = System.Text.Json.JsonSerializer.Serialize(checkpoint);
                ExplorationResult result = Explorer.Check(program.Program, new ExplorerOptions
                {
                    Preemptions = 2,
                    Resume = System.Text.Json.JsonSerializer.Deserialize<SearchCheckpoint?>(text),
                    MaxExecutions = (checkpoint?.Executions ?? 0) + 5,
                });
                pieces.UnionWith(program.Words.Outcomes);
                checkpoint = result.Checkpoint;
                Assert.Equal(checkpoint is null, result.Exhausted);
                rounds++;
            }
            while (checkpoint is not null && rounds < 10_000);

            Assert.Equal(whole, pieces);
            Assert.True(rounds > 1);
        }
    }

    private static void Compare(int seed, ExplorerOptions options, ref long reduced, ref long full)
    {
        var program = new RandomProgram(seed);
        ExplorationResult few = Explorer.Check(program.Program, options);
        var same = new RandomProgram(seed);
        ExplorationResult all = Explorer.Check(same.Program, options with { Reduction = false });
        Assert.True(few.Exhausted && all.Exhausted);
        string missing = string.Join(" / ", same.Words.Outcomes.Except(program.Words.Outcomes));
        Assert.True(
            same.Words.Outcomes.SetEquals(program.Words.Outcomes),
            $"program {seed}, {options.Preemptions} preemptions, {options.Delays} delays: missing {missing}");
        reduced += few.Executions;
        full += all.Executions;
    }

    private static (SortedSet<string> Outcomes, HashSet<string> Schedules) Run(int seed, ExplorerOptions options)
    {
        var program = new RandomProgram(seed);
        HashSet<string> schedules = [];
        ExplorationResult result = Explorer.Check(program.Program, options with { Executed = line => schedules.Add(line) });
        Assert.True(result.Exhausted);
        return (program.Words.Outcomes, schedules);
    }
}
