using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Mm.Behaviour;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim;

/// <summary>Reclaim on a device whose writes all fail.</summary>
public sealed class BrokenDeviceTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReclaimAll_WhenNoWriteSucceeds_EndsAndLosesNothing(bool synchronous)
    {
        using var m = new BehaviourMachine<X64FourLevel>();
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var options = new SwapAreaOptions { Slots = 64, Path = path, Synchronous = synchronous };
        Assert.Equal(SwapResult.Ok, m.Machine.SwapOn(options, out uint area));
        File.Delete(path); // before the first write opens it
        m.Write(m.Process, 0, 7);

        // Awaited with a limit: going round for ever is the failure to be seen.
        await Task.Run(m.Machine.ReclaimAll, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.NotEqual(0ul, m.Machine.Context.Swap.WriteErrors);
        m.Sound();
        Assert.Equal(7, m.Read(m.Process, 0).Value);
        Assert.Equal(SwapResult.Ok, m.Machine.SwapOff(area));
        m.Sound();
    }
}
