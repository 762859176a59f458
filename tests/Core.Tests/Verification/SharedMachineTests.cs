using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Image;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>A machine in files gets storage for its frames block by block: what looks at all frames meets those that have none.</summary>
public sealed class SharedMachineTests
{
    private const ulong Start = 0x10000;
    private const int Pages = 300;

    [Fact]
    public void WhoeverAttaches_FindsEveryInvariant_ThoughMostFramesHaveNoStorage() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        using var first = Machine<X64FourLevel>.Create(location, new MachineImageOptions { RamBytes = 64 << 20 });
        using var second = Machine<X64FourLevel>.Attach(location);
        Assert.Equal(SwapResult.Ok, first.SwapOn(SwapAreaOptions.Zram(1024), out uint area));
        uint space = first.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, second.Map(space, Start, Pages * 4096, VmaFlags.Read | VmaFlags.Write));
        var faults = default(FaultCounters);
        for (ulong page = 0; page < Pages; page++)
            Assert.Equal(UserAccessResult.Ok, first.Write(space, Start + (page * 4096), [(byte)page], ref faults));
        Agree(first, second);
        second.ReclaimAll();
        Agree(first, second);

        uint child = first.Fork(space);
        byte[] read = new byte[1];
        for (ulong page = 0; page < Pages; page += 3)
        {
            Assert.Equal(UserAccessResult.Ok, second.Read(child, Start + (page * 4096), read, ref faults));
            Assert.Equal((byte)page, read[0]);
        }

        Agree(first, second);
        second.Compact();
        Assert.Equal(SwapResult.Ok, second.SwapOff(area));
        first.Exit(child);
        Agree(first, second);
        Assert.True(first.Image.CommittedFrames < first.Image.FrameCount, "all frames have storage, so that this test shows nothing");
    });

    private static void Agree(params ReadOnlySpan<Machine<X64FourLevel>> machines)
    {
        foreach (Machine<X64FourLevel> machine in machines)
        {
            machine.Settle();
            Assert.Empty(machine.Verify());
        }
    }
}
