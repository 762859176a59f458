using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests.Live;

/// <summary>
/// Scripts that nobody has seen, recorded now on the running kernel, against our machine. PTEMU_LIVE_SCRIPTS says how many on each backend.
/// </summary>
[Trait("Category", "kernel")]
[Collection("kernel")]
public class FreshScriptsTests
{
    private const int FirstSeed = 10_000;

    [Theory]
    [InlineData(Backend.Zram)]
    [InlineData(Backend.File)]
    public void Fresh_core_scripts_replay_without_a_difference(Backend backend)
    {
        using LiveOracle oracle = LiveOracle.BuildOrSkip(backend);
        IReadOnlyList<string> traces = oracle.RecordFresh(backend, "core", FirstSeed, LiveOracle.ScriptCount);
        TraceReplay replay = new(new ReplayMachines(), verify: true);
        TraceResult[] wrong = [.. ReplayRunner.Run(replay, traces).Where(result => !result.IsGood)];
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {traces.Count}:\n{string.Join('\n', wrong.AsEnumerable())}");

        // A script that the kernel itself does not repeat is compared up to there; many of them would mean that something else swaps here.
        int unrepeated = traces.Count(path => TraceReader.Read(path).Unstable.Count > 0);
        Assert.True(unrepeated <= 1 + (traces.Count / 50), $"the kernel did not repeat {unrepeated} of {traces.Count} scripts");
    }
}
