using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim;

/// <summary>Hardware memory errors, and slots that cannot be read: who is told, and what is lost.</summary>
public sealed class MemoryFailureTests
{
    [Fact]
    public void MappedPage_BecomesAPoisonEntryEverywhere_AndItsFrameIsNeverUsedAgain()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram);
        rig.Write(rig.Space, 0, 1);
        rig.Write(rig.Space, 1, 1);
        uint child = rig.Machine.Fork(rig.Space);
        uint frame = rig.Frame(rig.Space, 0);
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(frame));
        Assert.Equal((SoftLeafKind.HwPoison, SoftLeafKind.HwPoison), (rig.Kind(rig.Space, 0), rig.Kind(child, 0)));
        Assert.Equal((UserAccessResult.BusError, UserAccessResult.BusError), (rig.TryRead(rig.Space, 0), rig.TryWrite(child, 0, 2)));
        Assert.Equal(UserAccessResult.Ok, rig.TryRead(rig.Space, 1)); // the neighbour is nobody's business
        rig.Sound();
        Assert.Equal(MemoryFailureResult.AlreadyReported, rig.Machine.MemoryFailure(frame));

        rig.Advise(rig.Space, 0, Advice.DontNeed); // forgetting the page heals the address
        rig.Write(rig.Space, 0, 3);
        Assert.NotEqual(frame, rig.Frame(rig.Space, 0));
        uint grandchild = rig.Machine.Fork(child);
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(grandchild, 0)); // poison is inherited
        rig.Machine.Exit(grandchild);
        rig.Machine.Exit(child);
        rig.Sound();
        Assert.Equal(1u, rig.Machine.Context.Frames.References(frame));
    }

    [Fact]
    public void LockedPage_IsTakenToo()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram);
        rig.Write(rig.Space, 0, 1);
        Assert.Equal(MmResult.Ok, rig.Machine.Lock(rig.Space, rig.At(0), 4096, ref rig.Faults));
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(rig.Frame(rig.Space, 0)));
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(rig.Space, 0));
        rig.Sound();
    }

    /// <summary>The slot still has the content: nothing is lost.</summary>
    [Fact]
    public void CleanPageInTheSwapCache_ComesBackFromItsSlot()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Asynchronous);
        rig.Write(rig.Space, 0, 1);
        rig.Machine.ReclaimAll();
        Assert.Equal(UserAccessResult.Ok, rig.TryRead(rig.Space, 0));
        uint frame = rig.Frame(rig.Space, 0);
        Assert.True(rig.Machine.Context.Frames.Has(frame, FrameFlags.SwapCache));
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(frame));
        Assert.Equal(SoftLeafKind.Swap, rig.Kind(rig.Space, 0));
        rig.Sound();
        Assert.Equal(1, rig.Read(rig.Space, 0));
        Assert.NotEqual(frame, rig.Frame(rig.Space, 0));
        rig.Sound();
    }

    /// <summary>The slot has nothing yet, or something older: the poisoned folio stays before it, so that nobody reads that.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void DirtyPageInTheSwapCache_IsLostToWhoeverNeedsIt(bool mapped)
    {
        using var rig = new Rig<X64FourLevel>(Backing.Asynchronous);
        rig.Write(rig.Space, 0, 1);
        uint frame = rig.Frame(rig.Space, 0);
        if (mapped)
        {
            rig.Machine.ReclaimAll();
            rig.TryRead(rig.Space, 0); // exclusive, so mapped writable, in the cache
            rig.Write(rig.Space, 0, 2); // no fault: the slot is older now
            frame = rig.Frame(rig.Space, 0);
        }
        else
        {
            Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, rig.At(0), GupFlags.Get, out _, ref rig.Faults));
            rig.Advise(rig.Space, 0, Advice.PageOut); // unmapped, but not written while somebody holds it
            rig.Machine.Gup.Put(frame, GupFlags.Get);
        }

        Assert.Equal(MemoryFailureResult.Delayed, rig.Machine.MemoryFailure(frame));
        Assert.Equal(SoftLeafKind.Swap, rig.Kind(rig.Space, 0));
        rig.Sound();
        rig.Machine.ReclaimAll(); // leaves it alone
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(rig.Space, 0));
        Assert.False(rig.Machine.TryUnpoison(frame)); // its slot is in use
        rig.Sound();

        uint child = rig.Machine.Fork(rig.Space);
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(0));
        Assert.Equal((SoftLeafKind.HwPoison, SoftLeafKind.HwPoison), (rig.Kind(rig.Space, 0), rig.Kind(child, 0)));
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(child, 0));
        Assert.True(rig.Machine.TryUnpoison(frame));
        rig.Sound();
    }

    [Fact]
    public void DirtyPageInTheSwapCache_GoesWithItsLastEntry()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Asynchronous);
        rig.Write(rig.Space, 0, 1);
        uint frame = rig.Frame(rig.Space, 0);
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, rig.At(0), GupFlags.Get, out _, ref rig.Faults));
        rig.Advise(rig.Space, 0, Advice.PageOut);
        rig.Machine.Gup.Put(frame, GupFlags.Get);
        Assert.Equal(MemoryFailureResult.Delayed, rig.Machine.MemoryFailure(frame));
        rig.Advise(rig.Space, 0, Advice.DontNeed);
        Assert.Equal(0ul, rig.Machine.Context.Swap.TotalInUse);
        rig.Sound();
    }

    [Fact]
    public void PinnedPage_IsTakenFromItsProcess_ButItsHolderMayUseIt()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram);
        rig.Write(rig.Space, 0, 1);
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, rig.At(0), GupFlags.Pin, out uint frame, ref rig.Faults));
        Assert.Equal(MemoryFailureResult.Failed, rig.Machine.MemoryFailure(frame));
        Assert.Equal(SoftLeafKind.HwPoison, rig.Kind(rig.Space, 0));
        Assert.False(rig.Machine.TryUnpoison(frame));
        rig.Machine.Gup.Put(frame, GupFlags.Pin);
        Assert.True(rig.Machine.TryUnpoison(frame));
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(rig.Space, 0)); // entries stay poisoned
        rig.Sound();
    }

    [Fact]
    public void LazilyFreedPage_BecomesPoisonToo()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram);
        rig.Write(rig.Space, 0, 1);
        rig.Advise(rig.Space, 0, Advice.Free);
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(rig.Frame(rig.Space, 0)));
        Assert.Equal(SoftLeafKind.HwPoison, rig.Kind(rig.Space, 0));
        rig.Sound();
    }

    [Fact]
    public void MergedPage_IsLostToAllWhoShareIt_AndNobodyIsMergedWithItAgain()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram);
        rig.Advise(rig.Space, 0, Advice.Mergeable, pages: 3);
        for (int page = 0; page < 2; page++)
            rig.Write(rig.Space, page, 7);
        rig.Machine.Ksm.Scan(2);
        uint merged = rig.Frame(rig.Space, 0);
        Assert.Equal(merged, rig.Frame(rig.Space, 1));
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(merged));
        Assert.Equal((SoftLeafKind.HwPoison, SoftLeafKind.HwPoison), (rig.Kind(rig.Space, 0), rig.Kind(rig.Space, 1)));
        rig.Write(rig.Space, 2, 7);
        rig.Machine.Ksm.Scan(3);
        Assert.Equal(7, rig.Read(rig.Space, 2));
        Assert.NotEqual(merged, rig.Frame(rig.Space, 2));
        rig.Sound();
    }

    [Fact]
    public void HugePage_LosesOnePage()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram, ramMegabytes: 16);
        ulong huge = 2 << 20;
        Assert.Equal(MmResult.Ok, rig.Machine.Map(rig.Space, 8 * huge, huge, VmaFlags.Read | VmaFlags.Write));
        Assert.Equal(MmResult.Ok, rig.Machine.Advise(rig.Space, 8 * huge, huge, Advice.HugePage, ref rig.Faults));
        Assert.Equal(UserAccessResult.Ok, rig.Machine.Write(rig.Space, 8 * huge, Enumerable.Repeat((byte)5, (int)huge).ToArray(), ref rig.Faults));
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, (8 * huge) + 4096, GupFlags.Get, out uint frame, ref rig.Faults));
        Assert.True(rig.Machine.Context.Frames.IsLarge(frame));
        Assert.Equal(MemoryFailureResult.NotSplit, rig.Machine.MemoryFailure(frame)); // while somebody holds it
        rig.Machine.Gup.Put(frame, GupFlags.Get);
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(frame));
        var loaded = new byte[1];
        Assert.Equal(UserAccessResult.BusError, rig.Machine.Read(rig.Space, (8 * huge) + 4096, loaded, ref rig.Faults));
        Assert.Equal(UserAccessResult.Ok, rig.Machine.Read(rig.Space, (8 * huge) + 8192, loaded, ref rig.Faults));
        Assert.Equal(5, loaded[0]);
        rig.Sound();
    }

    [Fact]
    public void SharedPage_IsLostToItsObject_UntilItIsPunchedOut()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram, shared: true);
        rig.Write(rig.Space, 0, 1);
        uint child = rig.Machine.Fork(rig.Space);
        rig.TryRead(child, 0);
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(rig.Frame(rig.Space, 0)));
        Assert.Equal((UserAccessResult.BusError, UserAccessResult.BusError), (rig.TryRead(rig.Space, 0), rig.TryRead(child, 0)));
        rig.Sound();
        rig.Machine.PunchHole(rig.Machine.Context.Vmas[rig.Machine.Context.Vmas.Find(rig.Space, rig.At(0))].SharedObject, 0, 1);
        Assert.Equal(0, rig.Read(child, 0));
        rig.Sound();
    }

    [Fact]
    public void SharedPageInTheSwapCache_ThatIsDirty_IsLostToItsObject()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Asynchronous, shared: true);
        rig.Write(rig.Space, 0, 1);
        rig.Machine.Context.Swap.Faults.FailWrite = 1; // so that it stays dirty in the cache
        rig.Machine.Reclaim(long.MaxValue);
        rig.Machine.Settle();
        uint frame = rig.Machine.Context.Swap.UsedSlots().Single().Word.Payload;
        Assert.Equal(MemoryFailureResult.Delayed, rig.Machine.MemoryFailure(frame));
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(rig.Space, 0));
        Assert.Equal(0ul, rig.Machine.Context.Swap.TotalInUse);
        rig.Sound();
    }

    [Fact]
    public void FramesThatAreNoUserMemory_AreLeftAlone()
    {
        using var rig = new Rig<X64FourLevel>(Backing.Zram);
        rig.Write(rig.Space, 0, 1);
        MmContext<X64FourLevel, CheckedModel> mm = rig.Machine.Context;
        Assert.Equal(MemoryFailureResult.Ignored, rig.Machine.MemoryFailure(0));
        Assert.Equal(MemoryFailureResult.Ignored, rig.Machine.MemoryFailure(mm.Folios.ZeroFrame));
        Assert.Equal(MemoryFailureResult.Ignored, rig.Machine.MemoryFailure(mm.Tables.LeafTable(mm.Spaces[rig.Space].Root, rig.At(0))));
        uint frame = rig.Frame(rig.Space, 0);
        rig.Advise(rig.Space, 0, Advice.DontNeed);
        Assert.Equal(MemoryFailureResult.NotInUse, rig.Machine.MemoryFailure(frame));
        Assert.False(rig.Machine.TryUnpoison(frame));
        uint frames = (uint)(mm.Image.Options.RamBytes >> 12);
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Machine.MemoryFailure(frames));
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Machine.TryUnpoison(frames));
        rig.Sound();
    }

    [Fact]
    public void ArchitectureWithoutPoisonEntries_RemembersThatTheContentIsLost()
    {
        using var rig = new Rig<Sun4v>(Backing.Zram);
        rig.Write(rig.Space, 0, 1);
        Assert.Equal(MemoryFailureResult.Recovered, rig.Machine.MemoryFailure(rig.Frame(rig.Space, 0)));
        Assert.Equal(SoftLeafKind.Marker, rig.Kind(rig.Space, 0));
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(rig.Space, 0));
        rig.Sound();
    }

    /// <summary>A read that fails ends the access; a later one may succeed, unless the unread folio is in the swap cache by then.</summary>
    [Theory]
    [InlineData(Backing.Zram, true)]
    [InlineData(Backing.Asynchronous, false)]
    public void UnreadableSlot_EndsTheAccess(Backing backing, bool secondReadSucceeds)
    {
        using var rig = new Rig<X64FourLevel>(backing);
        rig.Write(rig.Space, 0, 1);
        rig.Machine.ReclaimAll();
        rig.Machine.Context.Swap.Faults.FailRead = 1;
        Assert.Equal(UserAccessResult.BusError, rig.TryRead(rig.Space, 0));
        Assert.Equal(SoftLeafKind.Swap, rig.Kind(rig.Space, 0));
        rig.Sound();
        Assert.Equal(secondReadSucceeds ? UserAccessResult.Ok : UserAccessResult.BusError, rig.TryRead(rig.Space, 0));
        rig.Sound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void UnreadableSlot_AtSwapOff_LeavesAMarkerInEveryProcess(Backing backing)
    {
        using var rig = new Rig<X64FourLevel>(backing);
        rig.Write(rig.Space, 0, 1);
        rig.Write(rig.Space, 1, 2);
        uint child = rig.Machine.Fork(rig.Space);
        rig.Machine.ReclaimAll();
        rig.Machine.Context.Swap.Faults.FailRead = 1;
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(0));
        Assert.Equal((SoftLeafKind.Marker, SoftLeafKind.Marker), (rig.Kind(rig.Space, 0), rig.Kind(child, 0)));
        Assert.Equal((UserAccessResult.BusError, UserAccessResult.BusError), (rig.TryRead(rig.Space, 0), rig.TryWrite(child, 0, 1)));
        Assert.Equal((2, 2), (rig.Read(rig.Space, 1), rig.Read(child, 1)));
        rig.Sound();
        rig.Machine.Exit(child);
        rig.Advise(rig.Space, 0, Advice.DontNeed);
        Assert.Equal(0, rig.Read(rig.Space, 0));
        rig.Sound();
    }

    private sealed class Rig<TArch> : IDisposable
        where TArch : struct, IArchitecture
    {
        internal FaultCounters Faults;
        private readonly ulong start = 1UL << 32;

        internal Rig(Backing backing, bool shared = false, int ramMegabytes = 2)
        {
            Machine = Machine<TArch, CheckedModel>.Create(
                new MachineImageOptions { RamBytes = (ulong)ramMegabytes << 20, SwapSlots = 1024, SwapStoreSlots = 1024 });
            Assert.Equal(SwapResult.Ok, Machine.SwapOn(backing.Area(128), out _));
            Space = Machine.CreateAddressSpace();
            const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;
            ulong length = 4ul << TArch.PageShift;
            Assert.Equal(MmResult.Ok, shared ? Machine.MapShared(Space, At(0), length, ReadWrite) : Machine.Map(Space, At(0), length, ReadWrite));
        }

        internal Machine<TArch, CheckedModel> Machine { get; }

        internal uint Space { get; }

        public void Dispose() => Machine.Dispose();

        internal ulong At(int page) => start + ((ulong)page << TArch.PageShift);

        internal UserAccessResult TryWrite(uint space, int page, byte value) => Machine.Write(space, At(page), [value], ref Faults);

        internal void Write(uint space, int page, byte value) => Assert.Equal(UserAccessResult.Ok, TryWrite(space, page, value));

        internal UserAccessResult TryRead(uint space, int page) => Machine.Read(space, At(page), new byte[1], ref Faults);

        internal byte Read(uint space, int page)
        {
            var loaded = new byte[1];
            Assert.Equal(UserAccessResult.Ok, Machine.Read(space, At(page), loaded, ref Faults));
            return loaded[0];
        }

        internal void Advise(uint space, int page, Advice advice, int pages = 1) =>
            Assert.Equal(MmResult.Ok, Machine.Advise(space, At(page), (ulong)pages << TArch.PageShift, advice, ref Faults));

        internal SoftLeafKind Kind(uint space, int page) => Machine.Context.Decode(Entry(space, page)).Kind;

        internal uint Frame(uint space, int page)
        {
            Pte entry = Entry(space, page);
            return !TArch.IsNone(entry, 1) && TArch.IsPresent(entry, 1) ? MmContext<TArch, CheckedModel>.NormalFrame(entry) : 0;
        }

        internal void Sound()
        {
            Machine.Settle();
            Assert.Empty(Machine.Verify());
        }

        private Pte Entry(uint space, int page)
        {
            uint table = Machine.Context.Tables.LeafTable(Machine.Context.Spaces[space].Root, At(page));
            return PageTables<TArch, CheckedModel>.Load(ref Machine.Context.Tables.Entry(table, At(page)));
        }
    }
}
