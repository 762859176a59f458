using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Behaviour;

/// <summary>A move out of the middle of a VMA, with ever fewer records to cut VMAs with.</summary>
public sealed class MoveShortageTests
{
    private const ulong Start = 1UL << 32;
    private const ulong Target = 1UL << 33;
    private const ulong Page = 4096;

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public void Move_WithFewRecords_LeavesThePageWhereTheResultSays(uint records, bool moves)
    {
        using var machine = Machine<X64FourLevel, CheckedModel>.Create(new MachineImageOptions { RamBytes = 64 * Page, Vmas = records });
        var faults = new FaultCounters();
        uint space = machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, machine.Map(space, Start, 4 * Page, VmaFlags.Read | VmaFlags.Write));
        for (ulong page = 0; page < 4; page++)
            Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start + (page * Page), [(byte)(page + 1)], ref faults));

        Assert.Equal(moves ? MmResult.Ok : MmResult.NoMemory, machine.Move(space, Start + Page, Target, Page));

        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, machine.Read(space, moves ? Target : Start + Page, one, ref faults));
        Assert.Equal(2, one[0]);
        UserAccessResult other = machine.Read(space, moves ? Start + Page : Target, one, ref faults);
        Assert.Equal(moves && records < 4 ? UserAccessResult.Ok : UserAccessResult.SegmentationFault, other);
        Assert.True(other != UserAccessResult.Ok || one[0] == 0);
        Assert.Empty(machine.Verify());
    }
}
