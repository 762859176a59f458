using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Running;

namespace PageTableEmu.Replay.Tests;

/// <summary>The recordings against our machine.</summary>
public class MachineTracesTests
{
    private static readonly Lazy<IReadOnlyList<TraceResult>> Results = new(() =>
        ReplayRunner.Run(new TraceReplay(new ReplayMachines(), verify: true), ReplayRunner.FindTraces([TestData.Traces])));

    [Theory]
    [InlineData("core", 160)]
    [InlineData("gup", 80)]
    [InlineData("ksm", 50)]
    [InlineData("lock", 50)]
    [InlineData("shm", 18)]
    [InlineData("thp", 24)]
    [InlineData("uffd", 18)]
    public void Every_trace_of_a_profile_replays_without_a_difference_and_is_sound_after_every_operation(string profile, int count)
    {
        TraceResult[] traces = [.. Results.Value.Where(result => result.Header!.Profile == profile)];
        Assert.Equal(count, traces.Length);
        TraceResult[] wrong = [.. traces.Where(result => result.Verdict != TraceVerdict.Equal || result.Operations == 0)];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {traces.Length}; first: {wrong.FirstOrDefault()}");
    }

    /// <summary>Recordings of what docs/findings.md tells of the kernel.</summary>
    [Fact]
    public void Every_finding_replays_without_a_difference()
    {
        var replay = new TraceReplay(new ReplayMachines(), verify: true);
        Assert.All(ReplayRunner.FindTraces([TestData.Found]), path => Assert.Equal(TraceVerdict.Equal, replay.Replay(path).Verdict));
    }

    [Fact]
    public void No_trace_of_any_profile_breaks_an_invariant_or_the_machine()
    {
        TraceResult[] broken =
        [
            .. Results.Value.Where(result => result.Verdict is TraceVerdict.Violation or TraceVerdict.Failure or TraceVerdict.InputError),
        ];
        Assert.True(broken.Length == 0, $"{broken.Length} of {Results.Value.Count}; first: {broken.FirstOrDefault()}");
    }
}
