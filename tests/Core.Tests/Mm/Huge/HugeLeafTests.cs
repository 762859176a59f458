using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>How huge leaves come, are split, move and go, operation by operation, with the contents of all their pages.</summary>
public class HugeLeafTests
{
    /// <summary>What is done to a part of a huge page.</summary>
    public enum Operation
    {
        Unmap,
        DontNeed,
        Protect,
        Lock,
        Move,
        NoHuge,
        Guard,
    }

    public static TheoryData<Operation, uint, uint> Parts
    {
        get
        {
            var parts = new TheoryData<Operation, uint, uint>();
            foreach (Operation operation in Enum.GetValues<Operation>())
            {
                foreach ((uint first, uint count) in ((uint, uint)[])[(0, 1), (1, 1), (0, 511), (1, 511), (511, 1), (200, 100), (256, 256)])
                    parts.Add(operation, first, count);
            }

            return parts;
        }
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void AnOperationOnAPart_SplitsTheLeafAndKeepsTheFolioAndTheOtherPages(Operation operation, uint first, uint count)
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        Assert.True(rig.IsHuge(0));
        var counters = new FaultCounters();
        ulong start = HugeMachine<X64FourLevel>.At(first);
        ulong length = HugeMachine<X64FourLevel>.Bytes(count);
        MmResult result = operation switch
        {
            Operation.Unmap => rig.Machine.Unmap(rig.Space, start, length),
            Operation.DontNeed => rig.Advise(first, count, Advice.DontNeed),
            Operation.Protect => rig.Protect(first, count, AccessRights.Read),
            Operation.Lock => rig.Machine.Lock(rig.Space, start, length, ref counters),
            Operation.Move => rig.Machine.Move(rig.Space, start, HugeMachine<X64FourLevel>.At(2048 + 3), length),
            Operation.NoHuge => rig.Advise(first, count, Advice.NoHugePage),
            _ => rig.Advise(first, count, Advice.GuardInstall),
        };
        Assert.Equal(MmResult.Ok, result);
        Assert.False(rig.IsHuge(0));
        rig.AssertSound();
        bool gone = operation is Operation.Unmap or Operation.DontNeed or Operation.Move or Operation.Guard;
        for (uint page = 0; page < 512; page++)
        {
            if (page >= first && page < first + count && gone)
                continue;
            Assert.True(rig.IsLarge(page));
            Assert.Equal(HugeMachine<X64FourLevel>.Value(page), rig.Read(page));
        }

        if (operation == Operation.Move)
            rig.AssertFilled(2048 + 3, count, first);
        if (operation == Operation.DontNeed)
            Assert.Equal(0, rig.Read(first));
        rig.AssertSound();
    }

    [Fact]
    public void X64_AWholeHugePage_IsProtectedLockedMovedAndUnmappedAsOne() => WholeOperations<X64FourLevel>();

    [Fact]
    public void Sparc_AWholeHugePage_IsProtectedLockedMovedAndUnmappedAsOne() => WholeOperations<Sun4v>();

    [Fact]
    public void AReadOfAnEmptyRange_MapsTheHugeZeroPage_AndAWriteReplacesIt()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        rig.Map(0, 1024);
        Assert.Equal(0, rig.Read(3));
        Assert.Equal(0, rig.Read(600));
        Assert.True(rig.IsHuge(0) && rig.FrameAt(0) == 0);
        rig.AssertSound();
        rig.Write(4, 9);
        Assert.True(rig.IsHuge(0) && rig.FrameAt(0) != 0 && rig.FrameAt(600) == 0);
        Assert.Equal((9, 0, 0), (rig.Read(4), rig.Read(3), rig.Read(600)));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(0u, 511u)] // too short
    [InlineData(1u, 700u)] // no aligned range inside
    public void ARangeNotWhollyInTheVma_GetsBasePages(uint first, uint count)
    {
        using var rig = new HugeMachine<X64FourLevel>();
        rig.Map(first, count);
        rig.Write(first, 1);
        Assert.False(rig.IsHuge(first) || rig.IsLarge(first));
        rig.AssertSound();
    }

    [Fact]
    public void AnEmptyTableLeftBehind_KeepsHugePagesAway_UntilDontNeedOfAllFreesIt()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        rig.Map(0, 512);
        rig.Write(0, 1);
        Assert.Equal(MmResult.Ok, rig.Advise(1, 1, Advice.DontNeed));
        for (uint page = 0; page < 512; page += 256)
            Assert.Equal(MmResult.Ok, rig.Advise(page, 256, Advice.DontNeed));
        rig.Write(7, 1);
        Assert.False(rig.IsHuge(7));
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        Assert.Equal(MmResult.Ok, rig.Advise(0, 512, Advice.DontNeed));
        Assert.Equal(free + 2, rig.Mm.Folios.Allocator.FreeCount); // the page and the table
        rig.Write(7, 1);
        Assert.True(rig.IsHuge(7));
        rig.AssertSound();
    }

    [Fact]
    public void WithoutAFreeBlock_BasePagesAreMapped()
    {
        using var rig = new HugeMachine<X64FourLevel>(blocks: 3);
        rig.Map(0, 512 * 4);
        var taken = new List<uint>();
        for (uint block = rig.Mm.Folios.Allocator.TryAllocateBlock(); block != 0; block = rig.Mm.Folios.Allocator.TryAllocateBlock())
            taken.Add(block);
        Assert.NotEmpty(taken);
        rig.Mm.Folios.Allocator.SplitBlock(taken[^1]);
        for (uint frame = taken[^1] + 1; frame < taken[^1] + 512; frame++)
            rig.Mm.Folios.Allocator.Free(frame);
        rig.Write(5, 5);
        Assert.Equal(0, rig.Read(600));
        Assert.False(rig.IsHuge(5) || rig.IsHuge(600) || rig.IsLarge(5));
        Assert.Equal(5, rig.Read(5));
    }

    [Theory]
    [InlineData(Backing.Zram, true)]
    [InlineData(Backing.Asynchronous, false)]
    public void Reclaim_SwapsAHugePageOutAsAWholeWhereItCan_AndPageByPageOtherwise(Backing backing, bool whole)
    {
        using var rig = new HugeMachine<X64FourLevel>(backing);
        rig.Map(0, 512);
        rig.Write(1, 11);
        rig.Write(500, 12);
        rig.Machine.ReclaimAll();
        rig.AssertSound();
        Assert.Equal(whole ? 512u : 2u, rig.Machine.Context.Swap.InUse(rig.Area)); // split: pages of zeros became the zero page
        Assert.Equal(whole ? 512ul : 2ul, rig.Mm.Swap.PagesWritten);
        Assert.Equal((11, 12, 0), (rig.Read(1), rig.Read(500), rig.Read(2)));
        Assert.False(rig.IsHuge(1) || rig.IsLarge(1));
        rig.AssertSound();
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(rig.Area));
        Assert.Equal((11, 12, 0), (rig.Read(1), rig.Read(500), rig.Read(2)));
        rig.AssertSound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void PageOutOfAPart_SplitsTheFolio(Backing backing)
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan(backing);
        Assert.Equal(MmResult.Ok, rig.Advise(100, 8, Advice.PageOut));
        Assert.False(rig.IsLarge(0));
        Assert.Equal(8u, rig.Mm.Swap.InUse(rig.Area));
        rig.AssertSound();
        rig.AssertFilled();
        rig.AssertSound();
    }

    [Fact]
    public void LazyFreeOfAWholeHugePage_IsDroppedByReclaim_UnlessWrittenAgain()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        rig.Map(0, 1024);
        rig.FillSpan();
        rig.FillSpan(512);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 1024, Advice.Free));
        rig.Write(512, 77);
        rig.Machine.Reclaim(long.MaxValue);
        rig.AssertSound();
        Assert.Equal(0, rig.Read(1));
        Assert.Equal(77, rig.Read(512));
        rig.AssertFilled(513, 511, 1);
        rig.AssertSound();
    }

    [Fact]
    public void ReclaimOfAPinnedHugePage_LeavesItMapped()
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        uint frame = rig.Hold(9, GupFlags.Pin | GupFlags.Write);
        Assert.Equal(rig.FrameAt(9), frame);
        rig.Machine.ReclaimAll();
        Assert.Equal(rig.FrameAt(9), frame);
        rig.AssertSound(new Dictionary<uint, uint> { [frame] = 1 });
        Assert.Equal(MmResult.Ok, rig.Advise(0, 8, Advice.PageOut)); // cannot be split either
        Assert.True(rig.IsLarge(0));
        rig.Machine.Gup.Put(frame, GupFlags.Pin | GupFlags.Write);
        rig.Machine.ReclaimAll();
        Assert.Equal(0u, rig.FrameAt(9));
        rig.AssertFilled();
        rig.AssertSound();
    }

    private static void WholeOperations<TArch>()
        where TArch : struct, IArchitecture
    {
        uint span = HugeMachine<TArch>.Span;
        using HugeMachine<TArch> rig = HugeMachine<TArch>.WithFullSpan(blocks: 6);
        Assert.Equal(MmResult.Ok, rig.Protect(0, span, AccessRights.Read));
        rig.AssertSound();
        Assert.Equal(MmResult.Ok, rig.Protect(0, span, AccessRights.Read | AccessRights.Write));
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Lock(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(span), ref counters));
        Assert.True(rig.Mm.Frames.Has(rig.FrameAt(3), FrameFlags.Mlocked));
        rig.Machine.ReclaimAll();
        Assert.Equal(MmResult.Ok, rig.Machine.Unlock(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(span)));
        Assert.False(rig.Mm.Frames.Has(rig.FrameAt(3), FrameFlags.Mlocked));
        Assert.True(rig.IsHuge(0));
        ulong far = HugeMachine<TArch>.At(0) + (1UL << TArch.LevelShift(3));
        Assert.Equal(MmResult.Ok, rig.Machine.Move(rig.Space, HugeMachine<TArch>.At(0), far, HugeMachine<TArch>.Bytes(span)));
        rig.AssertSound();
        Assert.Equal(MmResult.Ok, rig.Machine.Move(rig.Space, far, HugeMachine<TArch>.At(span), HugeMachine<TArch>.Bytes(span)));
        Assert.True(rig.IsHuge(span));
        rig.AssertFilled(span);
        rig.AssertSound();
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        Assert.Equal(MmResult.Ok, rig.Machine.Unmap(rig.Space, HugeMachine<TArch>.At(span), HugeMachine<TArch>.Bytes(span)));
        Assert.True(rig.Mm.Folios.Allocator.FreeCount >= free + span);
        rig.AssertSound();
    }
}
