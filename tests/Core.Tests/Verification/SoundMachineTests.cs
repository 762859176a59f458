using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>After every step of ordinary life nothing is wrong, and at the end nothing is left.</summary>
public class SoundMachineTests
{
    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void OrdinaryLife_X64_LeavesNoViolation(Backing backing) => Live<X64FourLevel, CheckedModel>(backing);

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void OrdinaryLife_Sparc_LeavesNoViolation(Backing backing) => Live<Sun4v, CheckedModel>(backing);

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void OrdinaryLife_Mainline_LeavesNoViolation(Backing backing) => Live<X64FourLevel, Mainline>(backing);

    private static void Live<TArch, TModel>(Backing backing)
        where TArch : struct, IArchitecture
        where TModel : struct, IModel
    {
        using var machine = Machine<TArch, TModel>.Create(new MachineImageOptions { RamBytes = 16 << 20 });
        uint before = machine.Context.Folios.Allocator.FreeCount;
        ulong page = (ulong)machine.Image.PageSize;
        ulong start = 1UL << 32;
        ulong length = 64 * page;
        var counters = new FaultCounters();
        void Sound(string step)
        {
            Assert.True(!machine.Verify().Any(), $"{step}: {string.Join("; ", machine.Verify().Take(5))}");
        }

        void Fill(uint space, byte value)
        {
            for (ulong offset = 0; offset < length; offset += page)
                Assert.Equal(UserAccessResult.Ok, machine.Write(space, start + offset, [value, (byte)(offset / page)], ref counters));
        }

        Sound("new");
        Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(512), out uint area));
        Sound("swapon");
        uint parent = machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, machine.Map(parent, start, length, VmaFlags.Read | VmaFlags.Write));
        Sound("map");
        Fill(parent, 1);
        Sound("write");
        uint child = machine.Fork(parent);
        Sound("fork");
        machine.Reclaim(20);
        Sound("reclaim");
        Fill(child, 2);
        Sound("copy on write");
        machine.ReclaimAll();
        Sound("reclaim all");
        uint grandchild = machine.Fork(child);
        Sound("fork of swapped pages");
        machine.Advise(grandchild, start, length / 2, Advice.WillNeed, ref counters);
        Sound("willneed");
        machine.Read(grandchild, start, new byte[(int)length / 4], ref counters);
        Sound("swap in");
        Assert.Equal(MmResult.Ok, machine.Move(parent, start, start + (1UL << 31), length));
        Sound("mremap");
        Assert.Equal(MmResult.Ok, machine.Move(parent, start + (1UL << 31), start, length));
        machine.Protect(child, start + (8 * page), 8 * page, AccessRights.Read, ref counters);
        Sound("mprotect");
        machine.Advise(child, start + (16 * page), 8 * page, Advice.Free, ref counters);
        Sound("free");
        machine.Advise(child, start + (32 * page), 8 * page, Advice.DontNeed, ref counters);
        Sound("dontneed");
        machine.Read(child, start + (32 * page), new byte[8 * (int)page], ref counters);
        Sound("zero page");
        machine.Advise(child, start, length, Advice.PageOut, ref counters);
        Sound("pageout");
        machine.Settle();
        Sound("settle");
        machine.Exit(child);
        Sound("exit of child");
        Assert.Equal(SwapResult.Ok, machine.SwapOff(area));
        Sound("swapoff");
        Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(512), out area));
        machine.ReclaimAll();
        Sound("reclaim all again");
        Assert.Equal(MmResult.Ok, machine.Unmap(grandchild, start + page, 20 * page));
        Sound("unmap");
        machine.Exit(parent);
        machine.Exit(grandchild);
        machine.Settle();
        machine.ReclaimAll();
        Sound("end");
        Assert.Equal(0ul, machine.Context.Swap.TotalInUse);
        Assert.Equal(before, machine.Context.Folios.Allocator.FreeCount);
    }
}
