using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using World = PageTableEmu.Core.Tests.Mm.SharedMemory.SharedWorld<PageTableEmu.Arch.X64.X64FourLevel, PageTableEmu.Atomics.CheckedModel>;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>Write-protection of shared memory by userfaultfd, which x86-64 has and SPARC has not.</summary>
public sealed class SharedUffdTests
{
    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void UffdWriteProtection_OfAPageThatReclaimTook_IsKeptByAMarker(Backing backing)
    {
        using var world = new World(backing);
        world.Write(world.First, 0, 5);
        ulong end = World.At(8);
        Assert.Equal(MmResult.Ok, world.Machine.Userfaultfd.Register(world.First, World.Start, end));
        Assert.Equal(MmResult.Ok, world.Machine.Userfaultfd.WriteProtect(world.First, World.Start, end, protect: true));
        world.Machine.ReclaimAll();
        Assert.Equal(PteMarkers.UffdWp, world.Machine.Context.Decode(world.EntryOf(world.First, 0)).Markers);
        world.AssertSound();
        Assert.Equal((1L, 1L), world.Count(() => world.Write(world.First, 0, 6))); // one fault brings it in protected, one ends that
        Assert.Equal(6, world.Read(world.First, 0));
        Assert.Equal(MmResult.Ok, world.Advise(world.First, 0, 8, Advice.DontNeed));
        Assert.Equal(PteMarkers.UffdWp, world.Machine.Context.Decode(world.EntryOf(world.First, 1)).Markers);
        Assert.Equal(default, world.EntryOf(world.First, 0)); // the write ended its protection
        Assert.Equal(6, world.Read(world.First, 0));
        world.ExitAll(world.First);
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void RegisteredMapping_IsReadOnlyUntilWritten_AndUnprotectedPagesKeepWhatTheyMay(Backing backing)
    {
        using var world = new World(backing);
        world.Write(world.First, 0, 5);
        uint child = world.Machine.Fork(world.First);
        Assert.Equal(MmResult.Ok, world.Machine.Userfaultfd.Register(child, World.Start, World.At(8)));
        Assert.Equal((1L, 0L), world.Count(() => world.Read(child, 0)));
        Assert.Equal((1L, 0L), world.Count(() => world.Write(child, 0, 6))); // the read had mapped it read-only
        Assert.Equal((0L, 0L), world.Count(() => world.Write(child, 0, 7)));
        Assert.Equal(7, world.Read(world.First, 0));
        Assert.Equal(MmResult.Ok, world.Machine.Userfaultfd.WriteProtect(child, World.Start, World.At(8), protect: true));
        Assert.Equal((0L, 0L), world.Count(() => world.Write(world.First, 0, 8))); // the other mapping is not protected
        Assert.Equal((1L, 0L), world.Count(() => world.Write(child, 0, 9)));
        world.AssertSound();
        world.ExitAll(world.First, child);
    }
}
