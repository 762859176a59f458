using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>What processes see of shared memory.</summary>
public abstract class SharedMemoryTests<TArch>
    where TArch : struct, IArchitecture
{
    public static TheoryData<Backing> Backings => [Backing.Zram, Backing.Asynchronous];

    [Theory]
    [MemberData(nameof(Backings))]
    public void Fork_ParentAndChild_SeeEachOthersWrites(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        world.Write(world.First, 0, 1);
        uint child = world.Machine.Fork(world.First);
        Assert.Equal(1, world.Read(child, 0));
        world.Write(child, 0, 2);
        world.Write(child, 5, 3); // a page that nobody had before
        Assert.Equal((2, 3), (world.Read(world.First, 0), world.Read(world.First, 5)));
        Assert.Equal(2u, world.Machine.Context.Frames.Mappings(world.PlaceOf(0).Frame));
        world.AssertSound();
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void Object_MappedByUnrelatedProcessesAtDifferentOffsets_IsOneMemory(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint shared = world.Machine.CreateSharedObject(300);
        uint other = world.Machine.CreateAddressSpace();
        Assert.Equal(MmResult.Ok, Map(world, world.First, 100, shared, 200));
        Assert.Equal(MmResult.Ok, Map(world, other, 20, shared, 204));
        Assert.Equal(MmResult.Exists, Map(world, other, 21, shared, 0));
        world.Write(world.First, 105, 7);
        Assert.Equal(7, world.Read(other, 21));
        world.Machine.ReclaimAll();
        world.Write(other, 21, 8);
        Assert.Equal(8, world.Read(world.First, 105));
        world.AssertSound();
        world.Machine.ReleaseSharedObject(shared);
        Assert.Equal(8, world.Read(world.First, 105)); // the VMAs keep it
        world.ExitAll(world.First, other);
        Assert.Equal(MmResult.NoEntry, Map(world, world.Machine.CreateAddressSpace(), 0, shared, 0));
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void Reclaim_OfPagesNeverWritten_DropsThemWithoutASlot(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        Assert.Equal(0, world.Read(world.First, 3));
        Assert.True(world.PlaceOf(3).IsFrame);
        world.Machine.ReclaimAll();
        Assert.True(world.PlaceOf(3).IsNone);
        Assert.Equal((0ul, 0ul), (world.Machine.Context.Swap.TotalInUse, world.Machine.Context.Swap.PagesWritten));
        Assert.False(world.Maps(world.First, 3));
        Assert.Equal(0, world.Read(world.First, 3));
        world.AssertSound();
        world.ExitAll(world.First);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void Reclaim_OfDirtyPages_TakesThemFromAllAndBringsThemBackOnce(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint child = world.Machine.Fork(world.First);
        for (int page = 0; page < 8; page++)
            world.Write(page % 2 == 0 ? world.First : child, page, (byte)(page + 1));
        world.Machine.ReclaimAll();
        Assert.Equal((8ul, 8ul), (world.Swapped, world.Machine.Context.Swap.TotalInUse));
        Assert.False(world.Maps(world.First, 0) || world.Maps(child, 0));
        world.AssertSound();

        Assert.Equal((0L, 1L), world.Count(() => Assert.Equal(1, world.Read(child, 0))));
        Assert.Equal((1L, 0L), world.Count(() => Assert.Equal(1, world.Read(world.First, 0))));
        Assert.Equal((7ul, 7ul), (world.Swapped, world.Machine.Context.Swap.TotalInUse)); // its slot went at once
        for (int page = 0; page < 8; page++)
            Assert.Equal(page + 1, world.Read(world.First, page));
        world.AssertSound();
        world.Machine.ReclaimAll(); // back in memory they are dirty, so they go out again and are not dropped
        Assert.Equal(8, world.Read(child, 7));
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void SwapOff_BringsPagesBackIntoTheObject_AndWritesAfterItAreSeenByAll(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint child = world.Machine.Fork(world.First);
        for (int page = 0; page < 8; page++)
            world.Write(world.First, page, (byte)(page + 1));
        world.Machine.ReclaimAll();
        Assert.Equal(SwapResult.Ok, world.Machine.SwapOff(world.Area));
        Assert.Equal(0ul, world.Swapped);
        Assert.Equal(0u, world.Objects.NextSwapped(0));
        Assert.True(world.PlaceOf(4).IsFrame && !world.Maps(world.First, 4));
        world.AssertSound();
        Assert.Equal((1L, 0L), world.Count(() => world.Write(child, 4, 99))); // minor: the page is in memory
        Assert.Equal((99, 8), (world.Read(world.First, 4), world.Read(world.First, 7)));
        world.Machine.ReclaimAll(); // nowhere to go
        Assert.Equal(99, world.Read(child, 4));
        world.SwapOn();
        world.Machine.ReclaimAll();
        Assert.Equal(8ul, world.Swapped);
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void Truncate_TakesPagesAndSlotsBehindTheEnd_AlsoFromLockedMappings(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint child = world.Machine.Fork(world.First);
        for (int page = 0; page < 8; page++)
            world.Write(child, page, (byte)(page + 1));
        world.Machine.ReclaimAll();
        Assert.Equal(6, world.Read(world.First, 5));
        Assert.Equal(MmResult.Ok, world.Lock(world.First, 4, 2));
        world.Machine.Truncate(world.Object, 3);
        Assert.Equal((3ul, 3ul), (world.Swapped, world.Machine.Context.Swap.TotalInUse));
        Assert.False(world.Maps(world.First, 5));
        Assert.Equal(UserAccessResult.BusError, world.TryRead(world.First, 5));
        Assert.Equal(UserAccessResult.BusError, world.TryWrite(child, 3, 1));
        Assert.Equal(3, world.Read(child, 2));
        world.AssertSound();
        world.Machine.Truncate(world.Object, 8);
        Assert.Equal((0, 0), (world.Read(world.First, 5), world.Read(child, 7)));
        world.AssertSound();
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void PunchHole_OfPagesInMemoryAndInSwap_MakesThemReadAsZeroForAll(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint child = world.Machine.Fork(world.First);
        for (int page = 0; page < 8; page++)
            world.Write(child, page, (byte)(page + 1));
        world.Machine.ReclaimAll();
        Assert.Equal((2, 3), (world.Read(world.First, 1), world.Read(child, 2)));
        world.Machine.PunchHole(world.Object, 2, 3);
        Assert.Equal(4ul, world.Swapped);
        Assert.Equal([1, 2, 0, 0, 0, 6, 7, 8], Enumerable.Range(0, 8).Select(page => (int)world.Read(child, page)));
        Assert.Equal(0, world.Read(world.First, 2));
        world.AssertSound();
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void ReadOnlyMapping_RefusesStoresOfAnyKind_UntilItMayWrite(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        world.Write(world.First, 0, 5);
        uint child = world.Machine.Fork(world.First);
        Assert.Equal(MmResult.Ok, world.Protect(child, 0, 8, AccessRights.Read));
        Assert.Equal(5, world.Read(child, 0));
        Assert.Equal(UserAccessResult.SegmentationFault, world.TryWrite(child, 0, 6));
        var counters = new FaultCounters();
        const GupFlags Debugger = GupFlags.Get | GupFlags.Write | GupFlags.Force;
        Assert.Equal(MmResult.Fault, world.Machine.Gup.TryTake(child, Start, Debugger, out _, ref counters));
        world.Write(world.First, 0, 7);
        Assert.Equal(7, world.Read(child, 0));
        const AccessRights Both = AccessRights.Read | AccessRights.Write;
        Assert.Equal(MmResult.Ok, world.Protect(child, 0, 8, Both));
        world.Write(child, 0, 8);
        Assert.Equal(8, world.Read(world.First, 0));
        world.AssertSound();
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void PinnedPage_StaysInItsObject_AndDmaReachesAll(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        world.Write(world.First, 0, 5);
        var counters = new FaultCounters();
        const GupFlags Pin = GupFlags.Pin | GupFlags.Write | GupFlags.LongTerm;
        Assert.Equal(MmResult.Ok, world.Machine.Gup.TryTake(world.First, Start, Pin, out uint frame, ref counters));
        world.Machine.ReclaimAll();
        Assert.Equal(frame, world.PlaceOf(0).Frame);
        world.Machine.Context.Frames.Bytes(frame)[0] = 9;
        world.Machine.Gup.Put(frame, Pin);
        world.Machine.ReclaimAll();
        Assert.True(world.PlaceOf(0).IsSwap);
        Assert.Equal(9, world.Read(world.Machine.Fork(world.First), 0));
        world.AssertSound();
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void Read_OfOnePage_MapsItsNeighboursThatAreInMemory(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint child = world.Machine.Fork(world.First);
        for (int page = 0; page < 8; page += 2)
            world.Write(world.First, page, 1);
        Assert.Equal((1L, 0L), world.Count(() => world.Read(child, 2)));
        Assert.Equal((0L, 0L), world.Count(() => world.Read(child, 0) + world.Read(child, 4) + world.Read(child, 6)));
        Assert.False(world.Maps(child, 1));
        Assert.True(TArch.IsWritable(world.EntryOf(child, 6))); // at once: nobody watches
        world.Write(child, 6, 2);
        Assert.Equal(2, world.Read(world.First, 6));
        world.ExitAll(world.First, child);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void SplitMovedAndMergedMappings_ShowTheSamePages(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        for (int page = 0; page < 8; page++)
            world.Write(world.First, page, (byte)(page + 1));
        ulong page0 = At(0);
        ulong three = Length(3);
        Assert.Equal(MmResult.Ok, world.Machine.Move(world.First, At(2), At(40), three));
        Assert.Equal([3, 4, 5], Enumerable.Range(40, 3).Select(page => (int)world.Read(world.First, page)));
        Assert.Equal(UserAccessResult.SegmentationFault, world.TryRead(world.First, 3));
        world.AssertSound();
        world.Machine.ReclaimAll(); // the reverse map finds both places
        Assert.Equal(8ul, world.Swapped);
        Assert.Equal(MmResult.Ok, world.Machine.Move(world.First, At(40), At(2), three));
        Assert.Equal((1u, 1u), (world.Machine.Context.Vmas.Count(world.First), world.Objects[world.Object].References)); // one VMA again
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], Enumerable.Range(0, 8).Select(page => (int)world.Read(world.First, page)));
        world.AssertSound();
        Assert.Equal(MmResult.Ok, world.Machine.Unmap(world.First, page0, Length(4)));
        Assert.Equal(8, world.Read(world.First, 7));
        world.AssertSound();
        world.ExitAll(world.First);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void SlotThatCannotBeRead_LosesThePageAndFreesTheSlot(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        world.Write(world.First, 0, 5);
        world.Machine.ReclaimAll();
        world.Machine.Context.Swap.Faults.FailRead = 1;
        Assert.Equal(UserAccessResult.BusError, world.TryRead(world.First, 0));
        Assert.True(world.PlaceOf(0).IsLost);
        Assert.Equal((0ul, 0ul), (world.Swapped, world.Machine.Context.Swap.TotalInUse));
        Assert.Equal(UserAccessResult.BusError, world.TryWrite(world.First, 0, 1));
        world.AssertSound();
        world.Machine.PunchHole(world.Object, 0, 1);
        Assert.Equal(0, world.Read(world.First, 0));
        world.ExitAll(world.First);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void WriteThatFails_KeepsThePageInTheSwapCache(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        world.Write(world.First, 0, 5);
        world.Machine.Context.Swap.Faults.FailWrite = 1;
        world.Machine.Reclaim(1);
        world.Machine.Settle();
        Assert.Equal((1ul, 1ul), (world.Swapped, world.Machine.Context.Swap.WriteErrors));
        Assert.Equal((1L, 0L), world.Count(() => Assert.Equal(5, world.Read(world.First, 0))));
        world.AssertSound();
        world.ExitAll(world.First);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void Advice_WillNeedAndPageOut_WorkOnTheObject(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        for (int page = 0; page < 4; page++)
            world.Write(world.First, page, (byte)(page + 1));
        Assert.Equal(MmResult.Ok, world.Advise(world.First, 0, 8, Advice.PageOut));
        world.Machine.ReclaimAll();
        Assert.Equal(4ul, world.Swapped);
        Assert.Equal(MmResult.Ok, world.Advise(world.First, 1, 2, Advice.WillNeed));
        Assert.Equal((1L, 0L), world.Count(() => Assert.Equal(2, world.Read(world.First, 1))));
        Assert.Equal((0L, 1L), world.Count(() => Assert.Equal(4, world.Read(world.First, 3))));
        Assert.Equal(MmResult.Invalid, world.Advise(world.First, 0, 1, Advice.Free));
        world.AssertSound();
        world.ExitAll(world.First);
    }

    [Theory]
    [MemberData(nameof(Backings))]
    public void LockedPages_StayUntilUnlocked(Backing backing)
    {
        using SharedWorld<TArch, CheckedModel> world = New(backing);
        uint child = world.Machine.Fork(world.First);
        world.Write(child, 0, 5);
        Assert.Equal(MmResult.Ok, world.Lock(world.First, 0, 1));
        world.Machine.ReclaimAll();
        Assert.True(world.PlaceOf(0).IsFrame && world.Maps(world.First, 0));
        Assert.Equal(MmResult.Ok, world.Machine.Unlock(world.First, Start, Length(1)));
        world.Machine.ReclaimAll();
        Assert.True(world.PlaceOf(0).IsSwap);
        world.ExitAll(world.First, child);
    }

    [Fact]
    public void FewFrames_PagesOfAnObjectLargerThanMemory_ComeAndGo()
    {
        using var world = new SharedWorld<TArch, CheckedModel>(Backing.Zram, frames: 96);
        uint shared = world.Machine.CreateSharedObject(200);
        ulong start = At(1000);
        Assert.Equal(MmResult.Ok, world.Machine.MapObject(world.First, start, Length(200), VmaFlags.Read | VmaFlags.Write, shared, 0));
        world.Machine.ReleaseSharedObject(shared);
        for (int page = 0; page < 200; page++)
            world.Write(world.First, 1000 + page, (byte)page);
        for (int page = 0; page < 200; page++)
            Assert.Equal((byte)page, world.Read(world.First, 1000 + page));
        world.AssertSound();
        world.ExitAll(world.First);
    }

    private static ulong Start => SharedWorld<TArch, CheckedModel>.Start;

    private static ulong At(int page) => SharedWorld<TArch, CheckedModel>.At(page);

    private static ulong Length(int pages) => SharedWorld<TArch, CheckedModel>.Length(pages);

    private static SharedWorld<TArch, CheckedModel> New(Backing backing) => new(backing);

    private static MmResult Map(SharedWorld<TArch, CheckedModel> world, uint space, int page, uint shared, ulong offset)
    {
        ulong length = Length(10);
        return world.Machine.MapObject(space, At(page), length, VmaFlags.Read | VmaFlags.Write, shared, offset);
    }
}

/// <summary>On x86-64.</summary>
public sealed class X64SharedMemoryTests : SharedMemoryTests<X64FourLevel>;

/// <summary>On SPARC, with pages of 8 KiB.</summary>
public sealed class Sun4vSharedMemoryTests : SharedMemoryTests<Sun4v>;
