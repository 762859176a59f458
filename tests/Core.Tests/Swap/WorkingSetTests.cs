using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Which pages are active when they come back from swap: those that the memory of less useful ones could have held so long.</summary>
public sealed class WorkingSetTests : IDisposable
{
    private const ulong Start = 0x10000;
    private const ulong Pages = 16;

    private readonly Machine<X64FourLevel, CheckedModel> machine = Machine<X64FourLevel, CheckedModel>.Create(
        new MachineImageOptions { RamBytes = 4 << 20 });

    private FaultCounters counters;

    public WorkingSetTests() => machine.SwapOn(Backing.Zram.Area(256), out _);

    private LruLists<CheckedModel> Lists => machine.Context.Folios.Lru;

    private WorkingSet<CheckedModel> WorkingSet => machine.Context.Swap.WorkingSet;

    public void Dispose()
    {
        Assert.Empty(machine.Verify());
        machine.Dispose();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 5)]
    [InlineData(5, 6)]
    public void EvictedOnNobodysBehalf_ComesBackActive_WhileFilesTakeAsMuchRoom(ulong evicted, ulong filePages)
    {
        uint process = Filled();
        WorkingSet.OutsidePages = filePages;
        PageOut(process, 0, evicted); // its own eviction counts: it lies so far back as there were evictions since it stood at the end
        Assert.True(IsActiveAfterRead(process, 0));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(5, 4)]
    public void EvictedOnNobodysBehalf_ComesBackInactive_WhenItWouldNotHaveFitted(ulong evicted, ulong filePages)
    {
        uint process = Filled();
        WorkingSet.OutsidePages = filePages;
        PageOut(process, 0, evicted);
        Assert.False(IsActiveAfterRead(process, 0));
        Assert.True(IsActiveAfterRead(process, 1)); // one eviction less
    }

    [Fact]
    public void FilesOutside_DoNotCount_WhenTheMachineItselfIsShort()
    {
        uint process = Filled();
        WorkingSet.OutsidePages = 1 << 20;
        machine.ReclaimAll();
        Assert.False(IsActiveAfterRead(process, Pages - 1));
    }

    [Fact]
    public void ActivePages_MakeRoom_AsLongAsTheyCouldBeSwappedOut()
    {
        uint process = Filled();
        PageOut(process, 0, 4);
        Activate(process, 4, 4); // becoming active counts as if as many had been evicted
        Lists.RefreshStatistics();
        Assert.Equal(4ul, Lists.KnownPages(LruKind.ActiveAnon));
        Assert.False(IsActiveAfterRead(process, 0)); // 4 evictions and 4 activations back
        Assert.False(IsActiveAfterRead(process, 3));
        PageOut(process, 0, 1);
        Assert.True(IsActiveAfterRead(process, 0));
    }

    [Fact]
    public void WithoutFreeSlots_ActivePagesDoNotCount()
    {
        uint process = Filled();
        Activate(process, 4, 4);
        Lists.RefreshStatistics();
        PageOut(process, 0, 1);
        Assert.Equal(SwapResult.Ok, machine.SwapOff(0)); // brings the page back itself, while swap has no room
        Assert.False(IsActive(process, 0));
    }

    [Fact]
    public void TheDistance_IsRight_WhenTheAgeWrapsAround()
    {
        uint process = Filled();
        WorkingSet.OutsidePages = 3;
        Lists.Grow(MemoryGroups<CheckedModel>.Outside, (1 << 25) - 1);
        PageOut(process, 0, 3);
        Assert.True(IsActiveAfterRead(process, 1));
        Lists.Grow(MemoryGroups<CheckedModel>.Outside, 3);
        Assert.False(IsActiveAfterRead(process, 2));
    }

    [Fact]
    public void Group_IsMeasuredAgainstItsOwnLists()
    {
        uint group = machine.MemoryGroups.TryCreate();
        uint stranger = Filled();
        Activate(stranger, 0, Pages);
        uint process = Filled(group);
        Activate(process, 8, 1);
        Lists.RefreshStatistics();
        Assert.Equal(1ul, Lists.KnownPages(LruKind.ActiveAnon, group));
        Assert.Equal(Pages + 1, Lists.KnownPages(LruKind.ActiveAnon));
        (uint age, uint ofAll) = (Lists.Age(group), Lists.Age(0));
        Assert.True(machine.MemoryGroups.TrySetLimits(group, Pages - 2, ulong.MaxValue));
        ulong evicted = Pages - machine.MemoryGroups.Usage(group).Pages;
        Assert.InRange(evicted, 2ul, Pages - 2);
        Assert.Equal((evicted, evicted), ((ulong)(Lists.Age(group) - age), (ulong)(Lists.Age(0) - ofAll)));
        Assert.True(machine.MemoryGroups.TrySetLimits(group, ulong.MaxValue, ulong.MaxValue));
        Lists.RefreshStatistics();
        ulong last = evicted > 8 ? evicted : evicted - 1; // page 8 was left alone
        Assert.True(IsActiveAfterRead(process, last)); // one eviction back, and one active page
        Assert.False(IsActiveAfterRead(process, 0)); // all of them back; the stranger's many active pages do not count
        Assert.Empty(machine.Verify());
    }

    [Fact]
    public void PageOfALargeFolio_HasItsShadowToo()
    {
        machine.FolioOrders.Set(4, FolioOrderPolicy.Always);
        uint process = Filled();
        WorkingSet.OutsidePages = Pages;
        PageOut(process, 0, Pages);
        Assert.All(
            machine.Context.Swap.UsedSlots().Select(used => used.Word.Payload).Distinct(),
            shadow => Assert.NotEqual(0u, shadow));
        Assert.True(IsActiveAfterRead(process, 7));
    }

    private uint Filled(uint group = 0)
    {
        uint process = machine.CreateAddressSpace();
        if (group != 0)
            machine.MemoryGroups.Join(process, group);
        Assert.Equal(MmResult.Ok, machine.Map(process, Start, Pages << 12, VmaFlags.Read | VmaFlags.Write));
        for (ulong page = 0; page < Pages; page++)
            Assert.Equal(UserAccessResult.Ok, machine.Write(process, Start + (page << 12), [(byte)(page + 1)], ref counters));
        return process;
    }

    private void PageOut(uint process, ulong first, ulong pages) =>
        Assert.Equal(MmResult.Ok, machine.Advise(process, Start + (first << 12), pages << 12, Advice.PageOut, ref counters));

    private void Activate(uint process, ulong first, ulong pages)
    {
        for (ulong page = first; page < first + pages; page++)
        {
            uint frame = FrameOf(process, page);
            Lists.MarkAccessed(frame);
            Lists.MarkAccessed(frame);
            Assert.True(IsActive(process, page));
        }
    }

    private bool IsActiveAfterRead(uint process, ulong page)
    {
        Assert.Equal(0u, FrameOf(process, page));
        Assert.Equal(UserAccessResult.Ok, machine.Read(process, Start + (page << 12), new byte[1], ref counters));
        return IsActive(process, page);
    }

    private bool IsActive(uint process, ulong page) => machine.Context.Frames.Has(FrameOf(process, page), FrameFlags.Active);

    private uint FrameOf(uint process, ulong page) => machine.PageMap.Look(process, Start + (page << 12)).Frame;
}
