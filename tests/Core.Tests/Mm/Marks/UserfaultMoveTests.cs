using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Mm.SharedMemory;
using PageTableEmu.Core.Tests.Mm.Structures;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using PageTableEmu.Verification;
using World = PageTableEmu.Core.Tests.Mm.Marks.MarksWorld<PageTableEmu.Arch.X64.X64FourLevel>;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>UFFDIO_MOVE: what may be moved and what not, and a move with another thread let in before each single shared access.</summary>
public sealed class UserfaultMoveTests
{
    private const int Target = 100;

    /// <summary>What the other thread does to the page that is being moved, or to its slot.</summary>
    public enum Meanwhile
    {
        /// <summary>It loads the page.</summary>
        Read,

        /// <summary>It loads the page, changes it, and sends it out again: to the same slot, there is only one.</summary>
        Change,

        /// <summary>It loads the page, and another page takes the slot.</summary>
        Reuse,

        /// <summary>It reads the page into the swap cache.</summary>
        ReadAhead,

        /// <summary>It forgets the page.</summary>
        Forget,
    }

    public static TheoryData<Backing, bool, Meanwhile> Interruptions
    {
        get
        {
            var cases = new TheoryData<Backing, bool, Meanwhile>();
            foreach (Backing backing in Enum.GetValues<Backing>())
            {
                foreach (Meanwhile meanwhile in Enum.GetValues<Meanwhile>())
                {
                    cases.Add(backing, true, meanwhile);
                    cases.Add(backing, false, meanwhile);
                }
            }

            return cases;
        }
    }

    [Fact]
    public void APageInMemory_MovesWithItsFrame_AndCountsAsWritten()
    {
        using World w = Prepared();
        w.Write(0, 7);
        uint frame = w.Info(0).Frame;
        w.ClearSoftDirty();
        Assert.Equal(MmResult.Ok, w.Move(Target, 0, 1));
        PageInfo moved = w.Info(Target);
        Assert.Equal((frame, SoftLeafKind.None), (moved.Frame, w.Info(0).Kind));
        Assert.True(moved.Has(PageInfoFlags.Exclusive | PageInfoFlags.SoftDirty | PageInfoFlags.Writable));
        Assert.Equal(7, w.Read(Target));
        w.Machine.ReclaimAll(); // the reverse map finds it at the new place
        Assert.Equal(SoftLeafKind.Swap, w.Info(Target).Kind);
        Assert.Equal(7, w.Read(Target));
        w.Sound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void ASwappedPage_MovesWithItsSlot_AndWithItsCachedFolio(Backing backing)
    {
        using World w = Prepared(backing);
        w.Write(0, 7);
        w.Write(1, 8);
        w.PageOut(0, 2);
        SwapEntry slot = w.Info(0).Slot;
        w.ClearSoftDirty();
        Assert.Equal(MmResult.Ok, w.Advise(1, 1, Advice.WillNeed)); // one of them is in the swap cache
        Assert.Equal(MmResult.Ok, w.Move(Target, 0, 2));
        Assert.Equal(slot, w.Info(Target).Slot);
        Assert.True(w.Info(Target).Has(PageInfoFlags.Exclusive | PageInfoFlags.SoftDirty));
        Assert.Equal((7, 8), (w.Read(Target), w.Read(Target + 1)));
        w.Write(Target + 1, 9);
        w.Sound();
        w.Machine.ReclaimAll();
        Assert.Equal((7, 9), (w.Read(Target), w.Read(Target + 1)));
        w.Sound();
    }

    [Fact]
    public void WhatMayNotMove_StaysAsItWas()
    {
        using World w = Prepared();
        Assert.Equal(MmResult.NoEntry, w.Move(Target, 0, 1)); // nothing there
        Assert.Equal(MmResult.Ok, w.Move(Target, 0, 1, UserfaultMoveFlags.AllowSourceHoles));
        w.Write(0, 1);
        w.Write(1, 2);
        w.PageOut(1, 1);
        uint child = w.Machine.Fork(w.Process);
        Assert.Equal(MmResult.Busy, w.Move(Target, 0, 1)); // shared with the child
        Assert.Equal(MmResult.Busy, w.Move(Target, 1, 1)); // so is the slot
        w.Machine.Exit(child);
        w.Write(0, 1);
        w.Write(1, 2);
        Assert.Equal(MmResult.Ok, w.Uffd.Copy(w.Process, World.At(Target), World.Page(3), UserfaultModes.None, out _));
        Assert.Equal(MmResult.Exists, w.Move(Target, 0, 1));
        var counters = new FaultCounters();
        const GupFlags Flags = GupFlags.Pin;
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, World.At(0), Flags, out uint frame, ref counters));
        Assert.Equal(MmResult.Busy, w.Move(Target + 1, 0, 1)); // pinned
        w.Machine.Gup.Put(frame, Flags);
        Assert.Equal(MmResult.Ok, w.Uffd.Poison(w.Process, World.At(Target + 2), World.Bytes(1)));
        Assert.Equal(MmResult.Fault, w.Move(Target + 3, Target + 2, 1)); // no page behind it
        Assert.Equal((1, 2, 3), (w.Read(0), w.Read(1), w.Read(Target)));
        w.Sound();
    }

    [Fact]
    public void Mappings_MustBeAlike_Private_Writable_AndTheTargetRegistered()
    {
        using World w = Prepared();
        w.Write(0, 1);
        w.Map(200, 4);
        Assert.Equal(MmResult.Invalid, w.Move(200, 0, 1));
        Assert.Equal(MmResult.NoEntry, w.Move(300, 0, 1));
        Assert.Equal(MmResult.Invalid, w.Move(Target + 15, 0, 2));
        Assert.Equal(MmResult.Ok, w.Protect(0, 16, AccessRights.Read));
        Assert.Equal(MmResult.Invalid, w.Move(Target, 0, 1));
        Assert.Equal(MmResult.Ok, w.Protect(Target, 16, AccessRights.Read));
        Assert.Equal(MmResult.Invalid, w.Move(Target, 0, 1)); // alike, but nobody may write
        Assert.Equal(MmResult.Ok, w.Protect(0, 16, AccessRights.Read | AccessRights.Write));
        Assert.Equal(MmResult.Ok, w.Protect(Target, 16, AccessRights.Read | AccessRights.Write));
        Assert.Equal(MmResult.Ok, w.Lock(0, 16));
        Assert.Equal(MmResult.Invalid, w.Move(Target, 0, 1));
        Assert.Equal(MmResult.Ok, w.Machine.Unlock(w.Process, World.At(0), World.Bytes(16)));
        Assert.Equal(MmResult.Ok, w.Machine.MapShared(w.Process, World.At(400), World.Bytes(4), World.ReadWrite));
        Assert.Equal(MmResult.Invalid, w.Move(Target, 400, 1));
        Assert.Equal(MmResult.Invalid, w.Uffd.Move(w.Process, World.At(Target), World.At(0) + 1, World.Bytes(1), 0, out _));
        Assert.Equal(MmResult.Ok, w.Move(Target, 0, 1));
        w.Sound();
    }

    [Fact]
    public void AZeroPage_MovesAsOne_AndAPartMove_TellsHowFarItGot()
    {
        using World w = Prepared();
        Assert.Equal(0, w.Read(0));
        w.Write(1, 1);
        MmResult result = w.Uffd.Move(w.Process, World.At(Target), World.At(0), World.Bytes(3), UserfaultMoveFlags.None, out ulong moved);
        Assert.Equal((MmResult.Again, World.Bytes(2)), (result, moved));
        Assert.True(w.Info(Target).Has(PageInfoFlags.ZeroPage));
        Assert.Equal((0, 1), (w.Read(Target), w.Read(Target + 1)));
        w.Sound();
    }

    [Fact]
    public void AWriteProtectMark_IsKept_OnlyWhereStoresAreWatched()
    {
        using var w = new World();
        w.Map(0, 8);
        w.Map(100, 8);
        w.Map(200, 8);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(0, 8, UserfaultModes.WriteProtect));
        Assert.Equal(MmResult.Ok, w.Register(100, 8, UserfaultModes.Missing));
        Assert.Equal(MmResult.Ok, w.Register(200, 8, UserfaultModes.Missing | UserfaultModes.WriteProtect));
        for (int page = 0; page < 3; page++)
            w.Write(page, (byte)(page + 1));
        Assert.Equal(MmResult.Ok, w.WriteProtect(0, 8));
        w.PageOut(0, 2);
        Assert.Equal(MmResult.Ok, w.Move(100, 0, 1));
        Assert.Equal(MmResult.Ok, w.Move(201, 1, 2));
        Assert.False(w.IsProtected(100));
        Assert.True(w.IsProtected(201));
        Assert.False(w.IsProtected(202)); // a page in memory comes as a new one
        w.Write(100, 9);
        Assert.Equal(UserAccessResult.UserfaultPending, w.TryWrite(201, 9));
        w.Sound();
    }

    [Theory]
    [MemberData(nameof(Interruptions))]
    public void AMove_InterruptedAnywhere_LosesNothing(Backing backing, bool swapped, Meanwhile meanwhile)
    {
        int ran = 0;
        for (int at = 1; ; at++)
        {
            using var story = new Story(backing, swapped);
            var observer = new OneInterruption(at, story.CanRun, () => story.Interrupt(meanwhile));
            Atomics.StepObserver.Current = observer;
            story.Move();
            Atomics.StepObserver.Current = null;
            story.Check(observer.Ran ? meanwhile : null);
            if (observer.Ran)
                ran++;
            if (observer.Steps < at)
                break;
        }

        Assert.True(ran > 20, $"only {ran} interruptions");
    }

    private static World Prepared(Backing backing = Backing.Zram)
    {
        var w = new World(backing);
        w.Map(0, 16);
        w.Map(Target, 16);
        w.Open();
        Assert.Equal(MmResult.Ok, w.Register(Target, 16, UserfaultModes.Missing));
        return w;
    }

    /// <summary>A page at one address, another one in memory beside it, and a swap area with a single slot.</summary>
    private sealed class Story : IDisposable
    {
        private const byte Old = 7;
        private const byte Changed = 8;
        private readonly Machine<X64FourLevel, InterferingModel> machine;
        private readonly uint process;
        private FaultCounters counters;
        private MmResult result = MmResult.Ok;

        internal Story(Backing backing, bool swapped)
        {
            var options = new MachineImageOptions { RamBytes = 1 << 20, SwapSlots = 512, SwapStoreSlots = 512 };
            machine = Machine<X64FourLevel, InterferingModel>.Create(options);
            Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(2), out _)); // slot 0 is the header's
            process = machine.CreateAddressSpace();
            foreach (int page in (int[])[0, 1, Target])
                Assert.Equal(MmResult.Ok, machine.Map(process, World.At(page), World.Bytes(1), World.ReadWrite | Kept(page)));
            machine.Userfaultfd.Open(process, UserfaultFeatures.None);
            Assert.Equal(MmResult.Ok, machine.Userfaultfd.Register(process, World.At(Target), World.At(Target + 1), UserfaultModes.Missing));
            Assert.Equal(UserAccessResult.Ok, Write(0, Old));
            Assert.Equal(UserAccessResult.Ok, Write(1, 1));
            if (!swapped)
                return;
            PageOut(0);
            machine.ReclaimAll(); // out of the swap cache too; there is no slot for the other page
        }

        internal void Move() => result = machine.Userfaultfd.Move(
            process, World.At(Target), World.At(0), World.Bytes(1), UserfaultMoveFlags.None, out _);

        /// <summary>Whether nobody holds a lock that the other thread would have to wait for.</summary>
        internal bool CanRun() =>
            !new Verifier<X64FourLevel, InterferingModel>(machine.Context).HeldLocks().Any(held =>
                !held.ToString().Contains("readers hold the mmap_lock", StringComparison.Ordinal)
                && !held.ToString().Contains("has users", StringComparison.Ordinal));

        internal void Interrupt(Meanwhile meanwhile)
        {
            switch (meanwhile)
            {
                case Meanwhile.Read:
                    ReadEither();
                    break;
                case Meanwhile.Change:
                    WriteEither(Changed);
                    PageOut(0);
                    PageOut(Target);
                    break;
                case Meanwhile.Reuse:
                    WriteEither(Changed);
                    PageOut(1);
                    break;
                case Meanwhile.ReadAhead:
                    machine.Advise(process, World.At(0), World.Bytes(1), Advice.WillNeed, ref counters);
                    break;
                default:
                    machine.Advise(process, World.At(0), World.Bytes(1), Advice.DontNeed, ref counters);
                    break;
            }
        }

        /// <summary>The page is at one of the two places, with the content that it must have; everything is sound then and after reclaim.</summary>
        internal void Check(Meanwhile? meanwhile)
        {
            bool forgotten = result == MmResult.NoEntry && meanwhile == Meanwhile.Forget;
            Assert.True(result == MmResult.Ok || forgotten, $"{result}");
            for (int round = 0; round < 2; round++)
            {
                machine.Settle();
                Assert.Empty(machine.Verify());
                if (forgotten)
                    Assert.Equal(0, Read(0));
                else
                    Assert.Contains(Read(Target), meanwhile is Meanwhile.Change or Meanwhile.Reuse ? [Old, Changed] : (byte[])[Old]);
                Assert.Equal(1, Read(1));
                machine.ReclaimAll();
            }
        }

        public void Dispose() => machine.Dispose();

        /// <summary>Flags that keep neighbours from merging.</summary>
        private static VmaFlags Kept(int page) => page == 1 ? VmaFlags.DontDump : VmaFlags.None;

        private UserAccessResult Write(int page, byte value) => machine.Write(process, World.At(page), [value], ref counters);

        private byte Read(int page)
        {
            var one = new byte[1];
            Assert.Equal(UserAccessResult.Ok, machine.Read(process, World.At(page), one, ref counters));
            return one[0];
        }

        private bool IsAtSource => machine.PageMap.Look(process, World.At(0)).Kind != SoftLeafKind.None;

        private void ReadEither() => Read(IsAtSource ? 0 : Target);

        private void WriteEither(byte value) => Assert.Equal(UserAccessResult.Ok, Write(IsAtSource ? 0 : Target, value));

        private void PageOut(int page)
        {
            Assert.Equal(MmResult.Ok, machine.Advise(process, World.At(page), World.Bytes(1), Advice.PageOut, ref counters));
            machine.Settle();
        }
    }
}
