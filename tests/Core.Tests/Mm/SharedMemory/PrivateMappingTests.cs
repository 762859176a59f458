using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Behaviour;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.SharedMemory;

/// <summary>Private mappings of an object (MAP_PRIVATE of a memfd): the object shows through until a page is written.</summary>
public abstract class PrivateMappingTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const ulong SharedView = 1UL << 33;
    private const uint Count = 8;
    private const VmaFlags Rights = VmaFlags.Read | VmaFlags.Write;

    /// <summary>The private mapping lies where the rig's words look for pages.</summary>
    private readonly BehaviourMachine<TArch> rig = new(pages: 0x20);
    private readonly uint process;
    private readonly uint image;
    private FaultCounters counters;

    protected PrivateMappingTests()
    {
        process = rig.Process;
        Ok(rig.Machine.Unmap(process, Address(0), Bytes(Count)));
        image = rig.Machine.CreateSharedObject(Count);
        Ok(rig.Machine.MapObject(process, SharedView, Bytes(Count), Rights, image, 0));
        Ok(rig.Machine.MapObjectPrivately(process, Address(0), Bytes(Count), Rights, image, 0));
        for (uint page = 0; page < Count; page++)
            StoreToObject(page, (byte)(page + 1));
        rig.SwapOn(synchronous: true);
    }

    public void Dispose()
    {
        rig.Machine.ReleaseSharedObject(image);
        rig.Machine.Exit(process);
        rig.Machine.ReclaimAll();
        rig.Sound();
        Assert.Equal(0UL, rig.Machine.Context.Swap.TotalInUse);
        Assert.Equal(rig.FreeAtStart, rig.Machine.Context.Folios.Allocator.FreeCount);
        rig.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void AStore_GoesToACopy_AndTheObjectShowsThroughElsewhere()
    {
        rig.Write(process, 1, 100);
        Assert.Equal((2, 100), (LoadFromObject(1), Load(1)));
        StoreToObject(1, 200);
        StoreToObject(2, 201);
        Assert.Equal((100, 201), (Load(1), Load(2)));
        rig.Sound();
    }

    [Fact]
    public void AStore_AfterALoad_ReplacesTheObjectsPage()
    {
        Assert.Equal(3, Load(2));
        uint shared = rig.Frame(process, 2);
        Assert.False(TArch.IsWritable(rig.Entry(process, 2)));
        rig.Write(process, 2, 50);
        Assert.NotEqual(shared, rig.Frame(process, 2));
        Assert.True(Frames.Has(rig.Frame(process, 2), FrameFlags.Anon | FrameFlags.AnonExclusive));
        Assert.Equal(3, LoadFromObject(2));
        rig.Sound();
    }

    [Fact]
    public void APageBehindTheEnd_IsABusError_AndNoCopyIsLeft()
    {
        rig.Machine.Truncate(image, 4);
        Assert.Equal(UserAccessResult.BusError, rig.Machine.Write(process, Address(5), [1], ref counters));
        Assert.Equal(UserAccessResult.BusError, rig.Machine.Read(process, Address(5), new byte[1], ref counters));
        rig.Sound();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Truncation_TakesCopiesToo_WhereverTheyAre(bool swapped)
    {
        rig.Write(process, 1, 101);
        rig.Write(process, 6, 106);
        Load(5);
        uint child = rig.Machine.Fork(process);
        if (swapped)
            rig.Machine.ReclaimAll();
        rig.Machine.Truncate(image, 4);
        rig.Sound();
        foreach (uint space in (uint[])[process, child])
        {
            Assert.Equal(101, rig.Read(space, 1).Value);
            Assert.Equal(UserAccessResult.BusError, rig.Machine.Read(space, Address(6), new byte[1], ref counters));
        }

        rig.Machine.Truncate(image, Count);
        Assert.Equal((0, 0), (Load(5), Load(6)));
        rig.Machine.Exit(child);
    }

    [Fact]
    public void PunchingAHole_LeavesCopies()
    {
        rig.Write(process, 1, 101);
        Load(2);
        rig.Machine.PunchHole(image, 0, Count);
        Assert.Equal((101, 0), (Load(1), Load(2)));
        rig.Sound();
    }

    [Fact]
    public void DontNeed_GoesBackToTheObject()
    {
        rig.Write(process, 1, 101);
        rig.Write(process, 2, 102);
        rig.Machine.ReclaimAll();
        rig.Write(process, 2, 103);
        Ok(rig.Advise(process, 0, Count, Advice.DontNeed));
        Assert.Equal((2, 3), (Load(1), Load(2)));
        rig.Sound();
    }

    [Fact]
    public void AForkedChild_SharesTheCopies_AndTheObject()
    {
        rig.Write(process, 1, 101);
        Load(2);
        uint child = rig.Machine.Fork(process);
        rig.Write(process, 1, 111);
        rig.Write(child, 2, 112);
        StoreToObject(3, 120);
        Assert.Equal((101, 112, 120), (rig.Read(child, 1).Value, rig.Read(child, 2).Value, rig.Read(child, 3).Value));
        Assert.Equal((111, 3, 120), (Load(1), Load(2), Load(3)));
        rig.Sound();
        rig.Machine.Exit(child);
    }

    [Fact]
    public void Copies_AreSwappedOut_AndComeBack()
    {
        rig.Write(process, 1, 101);
        Load(2);
        rig.Machine.ReclaimAll();
        Assert.Equal(SoftLeafKind.Swap, rig.KindOf(process, 1));
        Assert.True(TArch.IsNone(rig.Entry(process, 2), 1), "the object remembers where its own page is");
        rig.Sound();
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(0));
        rig.Sound();
        Assert.Equal((101, 3), (Load(1), Load(2)));
        rig.Write(process, 1, 102);
        Assert.Equal(2, LoadFromObject(1));
    }

    [Fact]
    public void AMovedMapping_KeepsCopies_AndShowsTheSamePagesOfTheObject()
    {
        const ulong Target = 1UL << 34;
        rig.Write(process, 1, 101);
        Load(2);
        Ok(rig.Machine.Move(process, Address(1), Target, Bytes(3)));
        Assert.Equal((101, 3, 4), (LoadAt(Target), LoadAt(Target + Bytes(1)), LoadAt(Target + Bytes(2))));
        rig.Sound();
        rig.Machine.Truncate(image, 1);
        Assert.Equal(UserAccessResult.BusError, rig.Machine.Read(process, Target, new byte[1], ref counters));
        Ok(rig.Machine.Unmap(process, Target, Bytes(3)));
    }

    [Fact]
    public void MadviseFree_AndWipeOnFork_AreForAnonymousMemory()
    {
        rig.Write(process, 1, 101);
        Assert.Equal(MmResult.Invalid, rig.Advise(process, 1, 1, Advice.Free));
        Assert.Equal(MmResult.Invalid, rig.Advise(process, 1, 1, Advice.WipeOnFork));
        Assert.Equal(101, Load(1));
    }

    [Fact]
    public void Mprotect_ThereAndBack_KeepsCopiesWritable_AndTheObjectsPagesNot()
    {
        rig.Write(process, 1, 101);
        Load(2);
        Ok(rig.Machine.Protect(process, Address(0), Bytes(Count), AccessRights.Read, ref counters));
        Ok(rig.Machine.Protect(process, Address(0), Bytes(Count), AccessRights.Read | AccessRights.Write, ref counters));
        Assert.True(TArch.IsWritable(rig.Entry(process, 1)));
        Assert.False(TArch.IsWritable(rig.Entry(process, 2)));
        rig.Sound();
    }

    /// <summary>A read-only pin lasts with the page table only if it is long-term: then the object's page is replaced first.</summary>
    [Theory]
    [InlineData(GupFlags.Pin | GupFlags.LongTerm, true)]
    [InlineData(GupFlags.Pin, false)]
    [InlineData(GupFlags.Get, false)]
    public void AReadOnlyHold_SeesLaterStores_OnlyIfItIsLongTerm(GupFlags flags, bool sees)
    {
        Load(1);
        Ok(rig.Machine.Gup.TryTake(process, Address(1), flags, out uint frame, ref counters));
        Assert.Equal(sees, Frames.Has(frame, FrameFlags.Anon | FrameFlags.AnonExclusive));
        Assert.False(TArch.IsWritable(rig.Entry(process, 1)));
        rig.Write(process, 1, 77);
        Assert.Equal(sees ? 77 : 2, Frames.Bytes(frame)[0]);
        Assert.Equal(2, LoadFromObject(1));
        rig.Machine.Gup.Put(frame, flags);
    }

    [Fact]
    public void LockedMemory_IsPopulatedWithCopies()
    {
        Ok(rig.Machine.Lock(process, Address(0), Bytes(Count), ref counters));
        for (uint page = 0; page < Count; page++)
            Assert.True(Frames.Has(rig.Frame(process, page), FrameFlags.Anon | FrameFlags.Mlocked));
        rig.Sound();
        Ok(rig.Machine.Unlock(process, Address(0), Bytes(Count)));
    }

    [Fact]
    public void WriteProtection_StaysBehind_WhenACopyGoes()
    {
        rig.Write(process, 1, 101);
        rig.Write(process, 2, 102);
        MmResult registered = rig.Machine.Userfaultfd.Register(process, Address(0), Address(Count));
        Assert.Equal(TArch.HasUffdWp ? MmResult.Ok : MmResult.Invalid, registered);
        if (registered != MmResult.Ok)
            return; // nothing can be protected, so nothing can stay behind
        Ok(rig.Machine.Userfaultfd.WriteProtect(process, Address(0), Address(Count), protect: true));
        rig.Advise(process, 2, 1, Advice.PageOut);
        Ok(rig.Advise(process, 1, 2, Advice.DontNeed));
        Assert.Equal((SoftLeafKind.Marker, SoftLeafKind.Marker), (rig.KindOf(process, 1), rig.KindOf(process, 2)));
        Assert.Equal(2, Load(1));
        Assert.True(TArch.IsUffdWp(rig.Entry(process, 1)));
        rig.Sound();
    }

    [Fact]
    public void EqualCopies_AreMerged_AndTheObjectsPagesAreNot()
    {
        byte[] same = new byte[1 << TArch.PageShift];
        same.AsSpan().Fill(9);
        for (uint page = 0; page < 2; page++)
        {
            Assert.Equal(UserAccessResult.Ok, rig.Machine.Write(process, Address(page), same, ref counters));
            Assert.Equal(UserAccessResult.Ok, rig.Machine.Write(process, SharedView + Bytes(page + 2), same, ref counters));
            Load(page + 2);
        }

        Ok(rig.Advise(process, 0, Count, Advice.Mergeable));
        rig.Machine.Ksm.Scan(3);
        Assert.Equal(rig.Frame(process, 0), rig.Frame(process, 1));
        Assert.NotEqual(rig.Frame(process, 2), rig.Frame(process, 0));
        Assert.False(Frames.Has(rig.Frame(process, 2), FrameFlags.Ksm));
        rig.Sound();
        rig.Write(process, 1, 10);
        Assert.Equal((9, 10), (Load(0), Load(1)));
    }

    [Fact]
    public void ManyForks_OfAMappingWithCopies_KeepTheObjectsTreeInOrder()
    {
        rig.Write(process, 1, 101);
        uint first = rig.Machine.Fork(process);
        rig.Write(first, 2, 102);
        uint second = rig.Machine.Fork(first);
        uint third = rig.Machine.Fork(process);
        rig.Sound();
        rig.Machine.Truncate(image, 0);
        foreach (uint space in (uint[])[process, first, second, third])
            Assert.Equal(UserAccessResult.BusError, rig.Machine.Read(space, Address(1), new byte[1], ref counters));
        rig.Sound();
        rig.Machine.Exit(second);
        rig.Machine.Exit(first);
        rig.Machine.Exit(third);
    }

    [Fact]
    public void SharedFlags_BelongToMapObject() => Assert.Throws<ArgumentException>(
        () => rig.Machine.MapObjectPrivately(process, 1UL << 35, Bytes(1), Rights | VmaFlags.Shared, image, 0));

    private FrameTable<CheckedModel> Frames => rig.Machine.Context.Frames;

    private static ulong Bytes(uint pages) => BehaviourMachine<TArch>.Bytes(pages);

    private static ulong Address(uint page) => BehaviourMachine<TArch>.Address(page);

    private static void Ok(MmResult result) => Assert.Equal(MmResult.Ok, result);

    private int Load(uint page) => rig.Read(process, page).Value;

    private int LoadFromObject(uint page) => LoadAt(SharedView + Bytes(page));

    private int LoadAt(ulong address)
    {
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, rig.Machine.Read(process, address, one, ref counters));
        return one[0];
    }

    private void StoreToObject(uint page, byte value) =>
        Assert.Equal(UserAccessResult.Ok, rig.Machine.Write(process, SharedView + Bytes(page), [value], ref counters));
}

public sealed class X64PrivateMappingTests : PrivateMappingTests<X64FourLevel>;

public sealed class Sun4vPrivateMappingTests : PrivateMappingTests<Sun4v>;
