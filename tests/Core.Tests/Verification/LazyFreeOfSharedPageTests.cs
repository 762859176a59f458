using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>
/// A consequence of two rules of Linux 6.18 that the soak met: a direct swap-in leaves page and entry clean, and MADV_FREE asks who else maps a
/// page only if the page is dirty or in the swap cache. Together they let one process give away the other's data.
/// </summary>
public class LazyFreeOfSharedPageTests
{
    [Theory]
    [InlineData(Backing.Zram, 0)] // direct swap-in: clean, in no cache
    [InlineData(Backing.Asynchronous, 7)] // through the cache: MADV_FREE sees that the page is shared and leaves it alone
    public void FreeInTheParent_OfASwappedInPageSharedWithAChild_TakesItFromTheChildOnlyWithoutTheCache(Backing backing, byte expected)
    {
        using var machine = Machine<X64FourLevel, CheckedModel>.Create(new MachineImageOptions { RamBytes = 4 << 20 });
        machine.SwapOn(backing.Area(64), out _);
        var counters = new FaultCounters();
        uint parent = machine.CreateAddressSpace();
        machine.Map(parent, 0x10000, 0x1000, VmaFlags.Read | VmaFlags.Write);
        machine.Write(parent, 0x10000, [7], ref counters);
        machine.ReclaimAll();
        var loaded = new byte[1];
        machine.Read(parent, 0x10000, loaded, ref counters);
        uint child = machine.Fork(parent);

        machine.Advise(parent, 0x10000, 0x1000, Advice.Free, ref counters);
        machine.ReclaimAll();

        Assert.Equal(UserAccessResult.Ok, machine.Read(child, 0x10000, loaded, ref counters));
        Assert.Equal(expected, loaded[0]);
        Assert.Empty(machine.Verify());
    }
}
