using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>
/// A consequence of two rules of Linux 6.18 that the soak met twice: MADV_FREE asks who else maps a page only if the page is dirty or in the swap
/// cache, and there are clean pages outside it whose content is nowhere else. Together they let one process give away the other's data.
/// <see cref="IModel.LazyFreeSparesShared"/> is the repair (docs/findings.md 6).
/// </summary>
public class LazyFreeOfSharedPageTests
{
    private const ulong Page = 0x1000;
    private const ulong Start = 0x10000;

    /// <summary>How a page becomes clean while nothing else has its content.</summary>
    public enum Clean
    {
        /// <summary>Read from its slot, which a synchronous area frees at once.</summary>
        SwappedIn,

        /// <summary>Copied for a device that reads it while fork shares it.</summary>
        PartedByPin,

        /// <summary>Copied out of a merged page.</summary>
        Unmerged,
    }

    [Theory]
    [InlineData(Clean.SwappedIn, Backing.Zram, 0)]
    [InlineData(Clean.SwappedIn, Backing.Asynchronous, 7)] // through the cache: MADV_FREE sees that the page is shared and leaves it alone
    [InlineData(Clean.PartedByPin, Backing.Zram, 0)]
    [InlineData(Clean.PartedByPin, Backing.Asynchronous, 0)]
    [InlineData(Clean.Unmerged, Backing.Zram, 0)]
    [InlineData(Clean.Unmerged, Backing.Asynchronous, 0)]
    public void FreeInTheParent_ByLinuxRules_TakesACleanPageFromTheChild(Clean how, Backing backing, byte expected) =>
        Assert.Equal(expected, ChildSees<CheckedModel>(how, backing));

    [Theory]
    [InlineData(Clean.SwappedIn, Backing.Zram)]
    [InlineData(Clean.SwappedIn, Backing.Asynchronous)]
    [InlineData(Clean.PartedByPin, Backing.Zram)]
    [InlineData(Clean.PartedByPin, Backing.Asynchronous)]
    [InlineData(Clean.Unmerged, Backing.Zram)]
    [InlineData(Clean.Unmerged, Backing.Asynchronous)]
    public void FreeInTheParent_WhereItSparesSharedPages_LeavesThePageToTheChild(Clean how, Backing backing) =>
        Assert.Equal(7, ChildSees<SparingModel>(how, backing));

    private static byte ChildSees<TModel>(Clean how, Backing backing)
        where TModel : struct, IModel
    {
        using var machine = Machine<X64FourLevel, TModel>.Create(new MachineImageOptions { RamBytes = 4 << 20 });
        machine.SwapOn(backing.Area(64), out _);
        var counters = new FaultCounters();
        uint parent = machine.CreateAddressSpace();
        machine.Map(parent, Start, 2 * Page, VmaFlags.Read | VmaFlags.Write);
        machine.Write(parent, Start, [7], ref counters);
        MakeClean(machine, parent, how);
        uint child = machine.Fork(parent);

        machine.Advise(parent, Start, Page, Advice.Free, ref counters);
        machine.ReclaimAll();

        var loaded = new byte[1];
        Assert.Equal(UserAccessResult.Ok, machine.Read(child, Start, loaded, ref counters));
        Assert.Empty(machine.Verify());
        return loaded[0];
    }

    private static void MakeClean<TModel>(Machine<X64FourLevel, TModel> machine, uint parent, Clean how)
        where TModel : struct, IModel
    {
        var counters = new FaultCounters();
        switch (how)
        {
            case Clean.SwappedIn:
                machine.ReclaimAll();
                machine.Read(parent, Start, new byte[1], ref counters);
                break;
            case Clean.PartedByPin:
                uint child = machine.Fork(parent);
                Assert.Equal(
                    MmResult.Ok,
                    machine.Dma.TryBegin(parent, Start, 1, DmaDirection.ToDevice, longTerm: false, out DmaTransfer? transfer, ref counters));
                machine.Dma.Complete(transfer!);
                machine.Exit(child);
                break;
            default:
                machine.Write(parent, Start + Page, [7], ref counters);
                machine.Advise(parent, Start, 2 * Page, Advice.Mergeable, ref counters);
                for (int scan = 0; scan < 3; scan++)
                    machine.Ksm.Scan();
                Assert.Equal(MmResult.Ok, machine.Advise(parent, Start, 2 * Page, Advice.Unmergeable, ref counters));
                break;
        }
    }
}
