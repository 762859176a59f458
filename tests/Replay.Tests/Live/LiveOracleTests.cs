using PageTableEmu.Replay.Comparison;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests.Live;

/// <summary>The harness against the kernel itself: recordings repeat, and what is recorded here is what sessions can reproduce.</summary>
[Trait("Category", "kernel")]
[Collection("kernel")]
public class LiveOracleTests
{
    [Theory]
    [InlineData(Backend.Zram)]
    [InlineData(Backend.File)]
    public void Checked_in_scripts_recorded_again_give_their_traces(Backend backend)
    {
        using LiveOracle oracle = LiveOracle.BuildOrSkip(backend);
        foreach (string name in new[] { "core000", "core007", "gup003" })
        {
            Trace checkedIn = TestData.Read($"{name}.{(backend == Backend.Zram ? "zram" : "file")}");
            Trace again = TraceReader.Read(oracle.RecordScript(backend, checkedIn.Header!.Script));
            Assert.Empty(again.Unstable);
            Difference? difference = TraceComparer.Compare(checkedIn, again);
            Assert.True(difference is null, $"{name}: {difference}");
        }
    }

    [Theory]
    [InlineData(Backend.Zram, "gup")]
    [InlineData(Backend.File, "lock")]
    public void Fresh_scripts_of_other_profiles_record_and_play_back(Backend backend, string profile)
    {
        using LiveOracle oracle = LiveOracle.BuildOrSkip(backend);
        foreach (string path in oracle.RecordFresh(backend, profile, firstSeed: 10_000, count: 2))
        {
            Trace trace = TraceReader.Read(path);
            Assert.Equal((profile, backend), (trace.Header!.Profile, trace.Header.Backend));
            Assert.InRange(trace.Rows.Count, 40, 200);
            TraceResult result = new TraceReplay(new MachineFactory(_ => new PlaybackMachine(trace)), verify: false).Replay(path, trace);
            Assert.True(result.IsGood, result.ToString());
        }
    }
}
