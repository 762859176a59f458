using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>
/// Fork, unmapping and exit over several leaf tables whose entries are of all kinds in turn: present, swapped out, guarded, never touched.
/// What is copied and dropped by the way for plain pages and what is not must meet without a gap.
/// </summary>
public sealed class ForkOfManyTablesTests
{
    private const ulong Base = 0x7000_0000_0000 + (300 << 12); // begins and ends inside a table
    private const int Pages = 2000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(511)]
    [InlineData(513)]
    public void EveryPage_IsCopiedAndDroppedOnce(int every)
    {
        using Machine<X64FourLevel, CheckedModel> machine = Machine<X64FourLevel, CheckedModel>.Create(new MachineImageOptions
        {
            RamBytes = 32 << 20,
            SwapSlots = 8192,
            SwapStoreSlots = 8192,
        });
        Assert.Equal(SwapResult.Ok, machine.SwapOn(SwapAreaOptions.Zram(4096), out _));
        uint space = machine.CreateAddressSpace();
        FaultCounters counters = default;
        Assert.Equal(MmResult.Ok, machine.Map(space, Base, (ulong)Pages << 12, VmaFlags.Read | VmaFlags.Write));
        for (int page = 0; page < Pages; page++)
            Write(machine, space, page, (byte)(page % 200), ref counters);
        for (int page = every / 2; page < Pages; page += every)
            Assert.Equal(MmResult.Ok, machine.Advise(space, At(page), 4096, Kind(page / every), ref counters));
        Assert.Empty(machine.Verify());

        uint child = machine.Fork(space);
        Assert.NotEqual(0u, child);
        Assert.Empty(machine.Verify());
        for (int page = 0; page < Pages; page++)
            Assert.Equal(Read(machine, space, page, ref counters), Read(machine, child, page, ref counters));
        for (int page = 0; page < Pages; page += 3)
            Write(machine, child, page, 0xEE, ref counters);
        for (int page = 0; page < Pages; page++)
            Assert.NotEqual(0xEE, Read(machine, space, page, ref counters));

        Assert.Equal(MmResult.Ok, machine.Unmap(space, At(100), 1500UL << 12));
        machine.Settle();
        Assert.Empty(machine.Verify());
        Assert.Equal(0xEE, Read(machine, child, 1200, ref counters));
        machine.Exit(child);
        machine.Settle();
        Assert.Empty(machine.Verify());
        machine.Exit(space);
        machine.Settle();
        Assert.Empty(machine.Verify());
        for (uint frame = 1; frame < machine.Context.Frames.FrameCount; frame++)
        {
            if (machine.Context.Frames.HasStorage(frame))
                Assert.Equal(0u, machine.Context.Frames.Mappings(frame));
        }
    }

    private static ulong At(int page) => Base + ((ulong)page << 12);

    private static Advice Kind(int number) => (number % 2) switch
    {
        0 => Advice.PageOut,
        _ => Advice.DontNeed,
    };

    private static void Write(Machine<X64FourLevel, CheckedModel> machine, uint space, int page, byte value, ref FaultCounters counters) =>
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, At(page), [value], ref counters));

    private static byte Read(Machine<X64FourLevel, CheckedModel> machine, uint space, int page, ref FaultCounters counters)
    {
        byte[] value = new byte[1];
        Assert.Equal(UserAccessResult.Ok, machine.Read(space, At(page), value, ref counters));
        return value[0];
    }
}
