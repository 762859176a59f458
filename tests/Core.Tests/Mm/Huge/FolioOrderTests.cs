using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Which memory gets large folios of which order, and what a fault makes of that.</summary>
public abstract class FolioOrderTests<TArch>
    where TArch : struct, IArchitecture
{
    private static int Huge => FolioOrders<TArch, CheckedModel>.Huge;

    [Fact]
    public void ByDefault_OnlyHugePages_AndOnlyWhereTheyAreWanted()
    {
        using HugeMachine<TArch> rig = new();
        Assert.Equal(FolioOrderPolicy.Madvise, rig.Machine.FolioOrders.Global);
        for (int order = 2; order < Huge; order++)
            Assert.Equal(FolioOrderPolicy.Never, rig.Machine.FolioOrders[order]);
        Assert.Equal(FolioOrderPolicy.Inherit, rig.Machine.FolioOrders[Huge]);
        rig.Map(0, HugeMachine<TArch>.Span / 2);
        rig.Write(0, 1);
        Assert.False(rig.IsLarge(0));
        rig.Map(HugeMachine<TArch>.Span, HugeMachine<TArch>.Span);
        rig.Write(HugeMachine<TArch>.Span, 1);
        Assert.True(rig.IsHuge(HugeMachine<TArch>.Span));
    }

    public static TheoryData<FolioOrderPolicy, FolioOrderPolicy, Advice?, bool> Policies => new()
    {
        { FolioOrderPolicy.Never, FolioOrderPolicy.Always, Advice.HugePage, false },
        { FolioOrderPolicy.Madvise, FolioOrderPolicy.Never, Advice.HugePage, true },
        { FolioOrderPolicy.Madvise, FolioOrderPolicy.Always, null, false },
        { FolioOrderPolicy.Inherit, FolioOrderPolicy.Never, Advice.HugePage, false },
        { FolioOrderPolicy.Inherit, FolioOrderPolicy.Madvise, Advice.HugePage, true },
        { FolioOrderPolicy.Inherit, FolioOrderPolicy.Madvise, null, false },
        { FolioOrderPolicy.Inherit, FolioOrderPolicy.Always, null, true },
        { FolioOrderPolicy.Always, FolioOrderPolicy.Never, null, true },
        { FolioOrderPolicy.Always, FolioOrderPolicy.Always, Advice.NoHugePage, false },
    };

    [Theory]
    [MemberData(nameof(Policies))]
    public void APolicy_AndWhatTheMemoryWants_Decide(FolioOrderPolicy policy, FolioOrderPolicy global, Advice? advice, bool large)
    {
        foreach (int order in (int[])[2, 4, Huge])
        {
            using HugeMachine<TArch> rig = new();
            rig.Machine.FolioOrders.Set(Huge, FolioOrderPolicy.Never);
            rig.Machine.FolioOrders.Set(order, policy);
            rig.Machine.FolioOrders.Global = global;
            Assert.Equal((policy, global), (rig.Machine.FolioOrders[order], rig.Machine.FolioOrders.Global));
            uint pages = 2 * HugeMachine<TArch>.Span;
            Assert.Equal(MmResult.Ok, rig.Machine.Map(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.Bytes(pages), ReadWrite));
            if (advice is { } wanted)
                Assert.Equal(MmResult.Ok, rig.Advise(0, pages, wanted));
            rig.Write(3, 1);
            Assert.Equal(large ? order : 0, rig.Mm.Frames.OrderOf(rig.FrameAt(3)));
            rig.AssertSound();
        }
    }

    [Fact]
    public void WhatIsNoOrderOrPolicy_IsRefused()
    {
        using HugeMachine<TArch> rig = new();
        FolioOrders<TArch, CheckedModel> orders = rig.Machine.FolioOrders;
        Assert.Throws<ArgumentOutOfRangeException>(() => orders.Set(1, FolioOrderPolicy.Always));
        Assert.Throws<ArgumentOutOfRangeException>(() => orders.Set(Huge + 1, FolioOrderPolicy.Always));
        Assert.Throws<ArgumentOutOfRangeException>(() => orders.Set(2, (FolioOrderPolicy)4));
        Assert.Throws<ArgumentOutOfRangeException>(() => orders[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => orders.Global = FolioOrderPolicy.Inherit);
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Mm.Folios.TryAllocateLarge(1, zeroed: true));
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Mm.Folios.Allocator.TryAllocateRun(Huge));
    }

    [Fact]
    public void AStore_MapsTheWholeFolio_ZeroedWritableAndExclusive()
    {
        for (int order = 2; order < Huge; order++)
        {
            using HugeMachine<TArch> rig = With(order);
            uint pages = 1u << order;
            rig.Map(0, 2 * pages);
            uint touched = pages + (uint)(order * 5 % pages);
            rig.Write(touched, 9);
            uint head = rig.FrameAt(pages);
            Assert.Equal(0u, head % pages);
            for (uint page = 0; page < pages; page++)
            {
                Assert.Equal(head + page, rig.FrameAt(pages + page));
                Assert.Equal((order, head), (rig.Mm.Frames.OrderOf(head + page), rig.Mm.Frames.HeadOf(head + page)));
                Assert.True(rig.Mm.Frames.Has(head + page, FrameFlags.AnonExclusive));
                Assert.Equal(pages + page == touched ? (byte)9 : (byte)0, rig.Read(pages + page));
                Assert.Equal(0u, rig.FrameAt(page));
            }

            Assert.Equal((pages, pages), (rig.Mm.Frames.References(head), rig.Mm.Frames.FolioMappings(head)));
            var counters = new FaultCounters();
            byte[] all = new byte[pages << TArch.PageShift];
            Assert.Equal(UserAccessResult.Ok, rig.Machine.Write(rig.Space, HugeMachine<TArch>.At(pages), all, ref counters));
            Assert.Equal((0, 0), (counters.Minor, counters.Major));
            rig.AssertSound();
        }
    }

    [Fact]
    public void TheLargestOrderThatFits_IsTaken()
    {
        using HugeMachine<TArch> rig = With(2, 3, 5);
        rig.Map(4, 60); // pages 4 to 63
        rig.Write(40, 1);
        Assert.Equal(5, OrderAt(rig, 40));
        rig.Write(20, 1);
        Assert.Equal(3, OrderAt(rig, 20)); // order 5 would begin before the VMA
        rig.Write(5, 1);
        Assert.Equal(2, OrderAt(rig, 5));
        rig.Map(68, 32);
        Assert.Equal(0, rig.Read(70)); // the zero page is in the way
        rig.Write(64 + 9, 1);
        Assert.Equal(3, OrderAt(rig, 64 + 9));
        rig.Write(71, 1);
        Assert.Equal(0, OrderAt(rig, 71));
        rig.AssertSound();
    }

    [Fact]
    public void WhenNoRunOfTheOrderIsFree_SmallerOnesDo()
    {
        using HugeMachine<TArch> rig = With(2, 6);
        Folios<CheckedModel> folios = rig.Mm.Folios;
        var taken = new List<uint>();
        while (folios.TryAllocateLarge(6, zeroed: false) is not 0 and var run)
            taken.Add(run);
        foreach (uint run in taken.Take(4))
            folios.Put(run);
        var gaps = new List<uint>();
        for (uint i = 0; i < 4 * 64; i++)
            gaps.Add(folios.TryAllocate());
        foreach (uint frame in gaps.Where(frame => frame % 64 >= 16))
            folios.Put(frame);
        folios.Allocator.AdvanceEpoch();
        rig.Map(0, 64);
        rig.Write(33, 1);
        Assert.Equal(2, OrderAt(rig, 33));
        foreach (uint frame in gaps.Where(frame => frame % 64 < 16))
            folios.Put(frame);
        foreach (uint run in taken.Skip(4))
            folios.Put(run);
        rig.AssertSound();
    }

    [Fact]
    public void WatchedMemory_GetsSinglePages_WhereItCanBeWatched()
    {
        using HugeMachine<TArch> rig = With(4);
        rig.Map(0, 64);
        MmResult watched = rig.Machine.Userfaultfd.Register(rig.Space, HugeMachine<TArch>.At(0), HugeMachine<TArch>.At(32));
        Assert.Equal(TArch.HasUffdWp ? MmResult.Ok : MmResult.Invalid, watched);
        rig.Write(3, 1);
        rig.Write(33, 1);
        Assert.Equal((TArch.HasUffdWp ? 0 : 4, 4), (OrderAt(rig, 3), OrderAt(rig, 33)));
        rig.AssertSound();
    }

    [Fact]
    public void Collapse_DoesNotAskForThePolicy()
    {
        using HugeMachine<TArch> rig = With(3);
        rig.Map(0, HugeMachine<TArch>.Span);
        rig.FillSpan();
        Assert.Equal(3, OrderAt(rig, 17));
        Assert.Equal(MmResult.Ok, rig.Advise(0, HugeMachine<TArch>.Span, Advice.Collapse));
        Assert.True(rig.IsHuge(0));
        rig.AssertFilled();
        rig.AssertSound();
    }

    private const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;

    private static int OrderAt(HugeMachine<TArch> rig, uint page) => rig.Mm.Frames.OrderOf(rig.FrameAt(page));

    private static HugeMachine<TArch> With(params int[] orders) => LargeFolioRig.With<TArch>(Backing.Zram, orders);
}

public sealed class X64FolioOrderTests : FolioOrderTests<X64FourLevel>;

public sealed class Sun4vFolioOrderTests : FolioOrderTests<Sun4v>;
