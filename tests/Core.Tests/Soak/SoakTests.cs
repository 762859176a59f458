using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>Everything at once, for a few seconds each; PTEMU_SOAK_SECONDS makes the nightly ones as long as one likes.</summary>
public class SoakTests(ITestOutputHelper output)
{
    private const uint Small = 240;

    private static int Seconds => int.TryParse(Environment.GetEnvironmentVariable("PTEMU_SOAK_SECONDS"), out int seconds) ? seconds : 0;

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64(Backing backing) => Run<X64FourLevel, CheckedModel>(new SoakOptions { Backing = backing, Seed = 1 });

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64_ShortOfRam(Backing backing) =>
        Run<X64FourLevel, CheckedModel>(new SoakOptions { Backing = backing, Seed = 2, Frames = Small });

    [Theory]
    [InlineData(Backing.Zram, 4096u)]
    [InlineData(Backing.Asynchronous, 4096u)]
    [InlineData(Backing.Zram, Small)]
    [InlineData(Backing.Asynchronous, Small)]
    public void X64_Stumbling(Backing backing, uint frames) =>
        Run<X64FourLevel, JitterModel>(new SoakOptions { Backing = backing, Seed = 6, Frames = frames });

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64_Stumbling_OverFewPagesAndSlots(Backing backing) =>
        Run<X64FourLevel, JitterModel>(new SoakOptions { Backing = backing, Seed = 7, Pages = 3 });

    /// <summary>Nobody loses what a relative freed: contents are exact.</summary>
    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64_SparingRelatives(Backing backing) => Run<X64FourLevel, SparingModel>(new SoakOptions { Backing = backing, Seed = 10 });

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64_Mainline(Backing backing) => Run<X64FourLevel, Mainline>(new SoakOptions { Backing = backing, Seed = 3 });

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void Sparc(Backing backing) => Run<Sun4v, CheckedModel>(new SoakOptions { Backing = backing, Seed = 4 });

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void Sparc_ShortOfRam_Mainline(Backing backing) => Run<Sun4v, Mainline>(new SoakOptions { Backing = backing, Seed = 5, Frames = Small });

    [Theory]
    [InlineData(Backing.Zram, 4096u)]
    [InlineData(Backing.Asynchronous, 4096u)]
    [InlineData(Backing.Zram, Small)]
    [InlineData(Backing.Asynchronous, Small)]
    public void X64_Stumbling_WithLargeFolios(Backing backing, uint frames) =>
        Run<X64FourLevel, JitterModel>(new SoakOptions { Backing = backing, Seed = 8, Frames = frames, WithOrders = true });

    [Fact]
    public void Sparc_WithLargeFolios() => Run<Sun4v, CheckedModel>(new SoakOptions { Backing = Backing.Zram, Seed = 9, WithOrders = true });

    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(Backing.Zram, 4096u)]
    [InlineData(Backing.Asynchronous, 4096u)]
    [InlineData(Backing.Zram, Small)]
    [InlineData(Backing.Asynchronous, Small)]
    public void X64_Stumbling_WithLargeFolios_ForALongTime(Backing backing, uint frames)
    {
        if (Seconds == 0)
            Assert.Skip("PTEMU_SOAK_SECONDS is not set.");
        int seed = Environment.TickCount & 0xFFFF;
        var options = new SoakOptions { Backing = backing, Seed = seed, Frames = frames, WithOrders = true };
        Run<X64FourLevel, JitterModel>(options with { Duration = TimeSpan.FromSeconds(Seconds) });
    }

    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64_SparingRelatives_ForALongTime(Backing backing)
    {
        if (Seconds == 0)
            Assert.Skip("PTEMU_SOAK_SECONDS is not set.");
        int seed = Environment.TickCount & 0xFFFF;
        Run<X64FourLevel, SparingModel>(new SoakOptions { Backing = backing, Seed = seed, Duration = TimeSpan.FromSeconds(Seconds) });
    }

    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(Backing.Zram, 4096u)]
    [InlineData(Backing.Asynchronous, 4096u)]
    [InlineData(Backing.Zram, Small)]
    [InlineData(Backing.Asynchronous, Small)]
    public void X64_ForALongTime(Backing backing, uint frames)
    {
        if (Seconds == 0)
            Assert.Skip("PTEMU_SOAK_SECONDS is not set.");
        int seed = Environment.TickCount & 0xFFFF;
        Run<X64FourLevel, CheckedModel>(
            new SoakOptions { Backing = backing, Seed = seed, Frames = frames, Duration = TimeSpan.FromSeconds(Seconds) });
    }

    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(Backing.Zram, 4096u)]
    [InlineData(Backing.Asynchronous, 4096u)]
    [InlineData(Backing.Zram, Small)]
    [InlineData(Backing.Asynchronous, Small)]
    public void X64_Stumbling_ForALongTime(Backing backing, uint frames)
    {
        if (Seconds == 0)
            Assert.Skip("PTEMU_SOAK_SECONDS is not set.");
        int seed = Environment.TickCount & 0xFFFF;
        Run<X64FourLevel, JitterModel>(
            new SoakOptions { Backing = backing, Seed = seed, Frames = frames, Duration = TimeSpan.FromSeconds(Seconds) });
    }

    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void X64_Stumbling_OverFewPagesAndSlots_ForALongTime(Backing backing)
    {
        if (Seconds == 0)
            Assert.Skip("PTEMU_SOAK_SECONDS is not set.");
        int seed = Environment.TickCount & 0xFFFF;
        Run<X64FourLevel, JitterModel>(
            new SoakOptions { Backing = backing, Seed = seed, Pages = 3, Duration = TimeSpan.FromSeconds(Seconds) });
    }

    private void Run<TArch, TModel>(SoakOptions options)
        where TArch : struct, IArchitecture
        where TModel : struct, IModel
    {
        var run = new SoakRun<TArch, TModel>(options);
        try
        {
            run.Run();
        }
        finally
        {
            output.WriteLine(run.Summary);
        }
    }
}
