using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;
using static PageTableEmu.Explore.Catalogue.RaceModels;

namespace PageTableEmu.Core.Tests.Models;

/// <summary>Rules of other kernels whose difference shows without any race.</summary>
public sealed class SequentialModelTests
{
    [Fact]
    public void DeviceWrite_ToAPageThatReclaimTookFromItsProcess_IsLostWithoutTheExclusiveMark() // 1493a1913e34
    {
        Assert.Equal(1, DeviceWriteAcrossSwapOut<NoExclusiveMark>());
        Assert.Equal(2, DeviceWriteAcrossSwapOut<Linux618>());
        Assert.Equal(2, DeviceWriteAcrossSwapOut<AlwaysCached>());
    }

    [Fact]
    public void PageUnderWriteback_ToAnAreaWithStableWrites_IsNotWrittenInPlace()
    {
        (int violations, bool copied) = WriteDuringWriteback<Linux618>();
        Assert.Equal((0, true), (violations, copied));
        (violations, copied) = WriteDuringWriteback<ExclusiveInStableWrite>();
        Assert.Equal((1, false), (violations, copied));
    }

    [Fact]
    public void Fork_OfASwappedPage_TakesTheExclusiveMark()
    {
        Assert.Empty(Fork<Linux618>());
        Assert.Contains("X5", Fork<ForkKeepsMark>());
    }

    [Fact]
    public void LazilyFreedPage_HeldByADevice_IsKeptForItsWrite() // 6c8e2a256915
    {
        Assert.Equal((0, false), DeviceWriteToLazilyFreed<DirtyOnly>());
        Assert.Equal((2, false), DeviceWriteToLazilyFreed<Linux618>());
        Assert.Equal((2, true), DeviceWriteToLazilyFreed<ExtraReferenceEnds>()); // became an ordinary page already at the first look
    }

    [Fact]
    public void PinnedPage_SharedByFork_IsCopiedForTheChild() // 70e806e4e645
    {
        Assert.Equal(1, DeviceWriteAcrossFork<ForkSharesPinned>());
        Assert.Equal(2, DeviceWriteAcrossFork<Linux618>());
    }

    [Fact]
    public void ReadOnlyPinOfASharedPage_GetsItAFrameOfItsOwn() // a7f226604170
    {
        Assert.Equal(1, ReadThroughPinAfterWrite<PinSharesPage>());
        Assert.Equal(2, ReadThroughPinAfterWrite<Linux618>());
    }

    [Fact]
    public void PageHeldByAnotherProcess_IsCopiedBeforeItsOwnerWrites() // 09854ba94c6a
    {
        Assert.Equal(2, ReadThroughHoldAfterWrite<ReuseOf2010>()); // the child reads what the parent wrote after it had let the page go
        Assert.Equal(1, ReadThroughHoldAfterWrite<Linux618>());
    }

    [Fact]
    public void CleanPage_ThatGetsASlot_IsWrittenThere() // 9625456cc763
    {
        Assert.NotEqual(1, ReadAfterSecondSwapOut<NewSlotLeavesClean>());
        Assert.Equal(1, ReadAfterSecondSwapOut<Linux618>());
    }

    /// <summary>Slots in use after the last of two users has read a page from a synchronous area.</summary>
    [Fact]
    public void SharedPageOfASynchronousArea_KeepsItsSlotUntil70()
    {
        Assert.Equal(1ul, SlotsAfterReadByBoth<Linux618>(synchronous: true));
        Assert.Equal(0ul, SlotsAfterReadByBoth<AlwaysCached>(synchronous: true));
        Assert.Equal(0ul, SlotsAfterReadByBoth<AlwaysCached73>(synchronous: true));
        Assert.Equal(1ul, SlotsAfterReadByBoth<Linux618>(synchronous: false));
        Assert.Equal(1ul, SlotsAfterReadByBoth<AlwaysCached>(synchronous: false));
    }

    /// <summary>Slots in use after the exclusive user's write fault, the area not synchronous.</summary>
    [Fact]
    public void ExclusiveWrite_KeepsTheSlotIn70Only()
    {
        Assert.Equal(0ul, SlotsAfterWrite<Linux618>());
        Assert.Equal(1ul, SlotsAfterWrite<AlwaysCached>());
        Assert.Equal(0ul, SlotsAfterWrite<AlwaysCached73>());
    }

    [Fact]
    public void ReadOfAnExclusivePage_MapsItWritableSince612()
    {
        Assert.Equal((0L, true), FaultsOfWriteAfterRead<Linux618>());
        Assert.Equal((1L, true), FaultsOfWriteAfterRead<Linux61>()); // a fault more, and no copy
    }

    /// <summary>A negative control: nothing goes wrong, because an area that is being removed issues no slot.</summary>
    [Fact]
    public void SwapOff_WithoutLookingAtTheFolioAgain_BringsEverythingBack()
    {
        using var rig = new Rig<UnuseUnverified>(synchronous: false);
        rig.Write(0, 1);
        uint child = rig.Machine.Fork(rig.Space);
        rig.Machine.ReclaimAll();
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(0));
        Assert.Equal((1, 1), (rig.Read(rig.Space), rig.Read(child)));
        Assert.Empty(rig.Violations());
    }

    private static byte DeviceWriteAcrossSwapOut<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        const GupFlags Flags = GupFlags.Get | GupFlags.Write;
        uint frame = rig.Take(rig.Space, Flags);
        rig.Advise(Advice.PageOut);
        rig.Write(4095, 9); // the same page, before the device is done
        rig.Machine.Context.Frames.Bytes(frame)[0] = 2;
        rig.Machine.Gup.Put(frame, Flags);
        Assert.Empty(rig.Violations());
        return rig.Read(rig.Space);
    }

    private static (int Violations, bool Copied) WriteDuringWriteback<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>(synchronous: false, stableWrites: true);
        rig.Write(0, 1);
        uint first = rig.Frame();
        rig.Machine.Reclaim(long.MaxValue);
        Assert.True(rig.Machine.Context.Frames.Has(first, FrameFlags.Writeback));
        rig.Write(0, 2);
        int violations = rig.Machine.Verify().Count(violation => violation.Invariant == "I17");
        bool copied = rig.Frame() != first;
        rig.Machine.Settle();
        Assert.Equal(2, rig.Read(rig.Space));
        return (violations, copied);
    }

    private static string[] Fork<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        rig.Machine.ReclaimAll();
        rig.Machine.Fork(rig.Space);
        return [.. rig.Violations().Select(violation => violation[..2])];
    }

    private static (byte Value, bool SwapBacked) DeviceWriteToLazilyFreed<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        rig.Advise(Advice.Free);
        const GupFlags Flags = GupFlags.Get | GupFlags.Write;
        Assert.True(new GupFast<X64FourLevel, TModel>(rig.Machine.Context).TryTake(rig.Space, Rig<TModel>.Start, Flags, out uint frame));
        rig.Advise(Advice.PageOut);
        bool swapBacked = rig.Machine.Context.Frames.Has(frame, FrameFlags.SwapBacked);
        rig.Machine.Context.Frames.Bytes(frame)[0] = 2;
        rig.Machine.Gup.Put(frame, Flags);
        Assert.Empty(rig.Violations());
        return (rig.Read(rig.Space), swapBacked);
    }

    private static byte DeviceWriteAcrossFork<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        const GupFlags Flags = GupFlags.Pin | GupFlags.Write;
        uint frame = rig.Take(rig.Space, Flags);
        rig.Machine.Fork(rig.Space);
        rig.Write(4095, 9);
        rig.Machine.Context.Frames.Bytes(frame)[0] = 2;
        rig.Machine.Gup.Put(frame, Flags);
        return rig.Read(rig.Space);
    }

    private static byte ReadThroughPinAfterWrite<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        rig.Machine.Fork(rig.Space);
        uint frame = rig.Take(rig.Space, GupFlags.Pin);
        rig.Write(0, 2);
        byte seen = rig.Machine.Context.Frames.Bytes(frame)[0];
        rig.Machine.Gup.Put(frame, GupFlags.Pin);
        return seen;
    }

    private static byte ReadThroughHoldAfterWrite<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        uint child = rig.Machine.Fork(rig.Space);
        uint frame = rig.Take(child, GupFlags.Get); // into a pipe
        Assert.Equal(MmResult.Ok, rig.Machine.Unmap(child, Rig<TModel>.Start, 4096));
        rig.Write(0, 2);
        byte seen = rig.Machine.Context.Frames.Bytes(frame)[0];
        rig.Machine.Gup.Put(frame, GupFlags.Get);
        return seen;
    }

    private static byte ReadAfterSecondSwapOut<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        rig.Advise(Advice.PageOut);
        rig.Read(rig.Space); // clean: the slot went when it was read
        rig.Advise(Advice.PageOut);
        return rig.Read(rig.Space);
    }

    private static ulong SlotsAfterReadByBoth<TModel>(bool synchronous)
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>(synchronous);
        rig.Write(0, 1);
        uint child = rig.Machine.Fork(rig.Space);
        rig.Machine.ReclaimAll();
        Assert.Equal((1, 1), (rig.Read(rig.Space), rig.Read(child)));
        Assert.Empty(rig.Violations());
        return rig.Machine.Context.Swap.TotalInUse;
    }

    private static ulong SlotsAfterWrite<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>(synchronous: false);
        rig.Write(0, 1);
        rig.Machine.ReclaimAll();
        rig.Write(0, 2);
        Assert.Empty(rig.Violations());
        return rig.Machine.Context.Swap.TotalInUse;
    }

    private static (long Faults, bool Same) FaultsOfWriteAfterRead<TModel>()
        where TModel : struct, IModel
    {
        using var rig = new Rig<TModel>();
        rig.Write(0, 1);
        rig.Machine.ReclaimAll();
        rig.Read(rig.Space);
        uint frame = rig.Frame();
        long faults = rig.Write(0, 2);
        return (faults, rig.Frame() == frame);
    }

    /// <summary>A machine with one process that maps one page.</summary>
    private sealed class Rig<TModel> : IDisposable
        where TModel : struct, IModel
    {
        internal const ulong Start = 1UL << 32;
        private FaultCounters faults;

        internal Rig(bool synchronous = true, bool stableWrites = false)
        {
            Machine = Machine<X64FourLevel, TModel>.Create(
                new MachineImageOptions { RamBytes = 64 << 12, SwapSlots = 512, SwapStoreSlots = 512, Vmas = 64 });
            var options = new SwapAreaOptions { Slots = 64, Synchronous = synchronous, StableWrites = stableWrites };
            Assert.Equal(SwapResult.Ok, Machine.SwapOn(options, out _));
            Space = Machine.CreateAddressSpace();
            Assert.Equal(MmResult.Ok, Machine.Map(Space, Start, 4096, VmaFlags.Read | VmaFlags.Write));
        }

        internal Machine<X64FourLevel, TModel> Machine { get; }

        internal uint Space { get; }

        public void Dispose() => Machine.Dispose();

        /// <summary>Stores a byte; returns the faults that took.</summary>
        internal long Write(int offset, byte value)
        {
            FaultCounters before = faults;
            Assert.Equal(UserAccessResult.Ok, Machine.Write(Space, Start + (uint)offset, [value], ref faults));
            return faults.Minor + faults.Major - before.Minor - before.Major;
        }

        internal byte Read(uint space)
        {
            var loaded = new byte[1];
            Assert.Equal(UserAccessResult.Ok, Machine.Read(space, Start, loaded, ref faults));
            return loaded[0];
        }

        internal void Advise(Advice advice) => Machine.Advise(Space, Start, 4096, advice, ref faults);

        internal uint Take(uint space, GupFlags flags)
        {
            Assert.Equal(MmResult.Ok, Machine.Gup.TryTake(space, Start, flags, out uint frame, ref faults));
            return frame;
        }

        internal uint Frame()
        {
            uint table = Machine.Context.Tables.LeafTable(Machine.Context.Spaces[Space].Root, Start);
            return MmContext<X64FourLevel, TModel>.NormalFrame(PageTables<X64FourLevel, TModel>.Load(ref Machine.Context.Tables.Entry(table, Start)));
        }

        internal List<string> Violations()
        {
            Machine.Settle();
            return [.. Machine.Verify().Select(violation => violation.ToString())];
        }
    }
}
