using System.Diagnostics;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>A verification is linear in the pages: a large machine can be verified after each test.</summary>
public class VerifierScaleTests(ITestOutputHelper output)
{
    [Theory]
    [Trait("Category", "nightly")]
    [InlineData(1_000_000)]
    public void ManyPages_AreVerifiedInAboutASecond(int pages)
    {
        if (Environment.GetEnvironmentVariable("PTEMU_SOAK_SECONDS") == null)
            Assert.Skip("PTEMU_SOAK_SECONDS is not set: this needs 4 GiB of memory.");
        using var machine = Machine<X64FourLevel, Mainline>.Create(new MachineImageOptions { RamBytes = (ulong)pages * 4096 * 51 / 50 });
        uint space = machine.CreateAddressSpace();
        ulong start = 1UL << 32;
        machine.Map(space, start, (ulong)pages * 4096, VmaFlags.Read | VmaFlags.Write);
        var counters = new FaultCounters();
        for (int page = 0; page < pages; page++)
            Assert.Equal(UserAccessResult.Ok, machine.Write(space, start + ((ulong)page * 4096), [1], ref counters));
        Assert.Empty(machine.Verify());
        var clock = Stopwatch.StartNew();
        Assert.Empty(machine.Verify());
        output.WriteLine($"{pages} pages: {clock.ElapsedMilliseconds} ms");
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
    }
}
