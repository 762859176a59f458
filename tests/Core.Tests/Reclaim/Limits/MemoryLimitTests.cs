using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Reclaim.Limits;

/// <summary>Limits of groups of address spaces: who is charged, what happens at the limit, and that nothing is forgotten.</summary>
public abstract class MemoryLimitTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const ulong Start = 1UL << 32;
    private const VmaFlags Rights = VmaFlags.Read | VmaFlags.Write;

    private readonly Machine<TArch, CheckedModel> machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions
    {
        RamBytes = 4 * HugePages<TArch, CheckedModel>.Span,
        SwapSlots = 1024,
        SwapStoreSlots = 1024,
    });

    private FaultCounters counters;

    public void Dispose()
    {
        machine.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void Pages_AreChargedToTheGroupThatNeedsThem_UntilTheyAreFree()
    {
        uint group = Limits.TryCreate();
        uint space = Process(group, 32);
        Fill(space, 0, 20);
        Load(space, 25);
        Assert.Equal((20UL, 0UL), Limits.Usage(group)); // the zero page is everybody's
        Sound();
        Assert.Equal(MmResult.Ok, machine.Advise(space, Address(0), Bytes(5), Advice.DontNeed, ref counters));
        Assert.Equal(15UL, Limits.Usage(group).Pages);
        Assert.False(Limits.TryRemove(group));
        machine.Exit(space);
        Assert.Equal((0UL, 0UL), Limits.Usage(group));
        Assert.True(Limits.TryRemove(group));
        Sound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void AtTheLimit_TheGroupSwapsItsOwnPagesOut(Backing backing)
    {
        SwapOn(backing);
        uint stranger = Process(0, 32);
        Fill(stranger, 0, 32);
        uint group = Limits.TryCreate(pages: 10);
        uint space = Process(group, 32);
        for (int page = 0; page < 32; page++)
        {
            Fill(space, page, 1);
            Assert.InRange(Limits.Usage(group).Pages, 1UL, 10UL);
        }

        Assert.True(Limits.Usage(group).Slots >= 22);
        Assert.True(Limits.Refused(group) > 0);
        Assert.Equal(0UL, machine.Context.Spaces[stranger].SwapEntries);
        Sound();
        for (int page = 0; page < 32; page++)
            Assert.Equal(page + 1, Load(space, page));
        Assert.InRange(Limits.Usage(group).Pages, 1UL, 10UL);
        Sound();
        machine.Exit(space);
        machine.Settle();
        machine.ReclaimAll();
        Assert.Equal((0UL, 0UL), Limits.Usage(group));
    }

    [Fact]
    public void WithoutSwap_TheLimitIsOutOfMemory_AndOthersGoOn()
    {
        uint group = Limits.TryCreate(pages: 10);
        uint space = Process(group, 32);
        Fill(space, 0, 10);
        Assert.Equal(UserAccessResult.OutOfMemory, machine.Write(space, Address(10), [1], ref counters));
        Assert.Equal(10, Load(space, 9));
        Sound();
        uint other = Process(0, 32);
        Fill(other, 0, 32);
        Assert.Equal(MmResult.Ok, machine.Unmap(space, Address(0), Bytes(1)));
        Fill(space, 10, 1);
        Sound();
    }

    [Fact]
    public void TheLimitOnSlots_KeepsTheRestInMemory()
    {
        SwapOn(Backing.Zram);
        uint group = Limits.TryCreate(pages: 20, slots: 5);
        uint space = Process(group, 32);
        Fill(space, 0, 25);
        Assert.Equal(UserAccessResult.OutOfMemory, machine.Write(space, Address(25), [1], ref counters));
        Assert.Equal((20UL, 5UL), Limits.Usage(group));
        Sound();
        for (int page = 20; page < 25; page++)
            Assert.Equal(page + 1, Load(space, page));
    }

    [Fact]
    public void AChild_IsInTheGroupOfItsParent_AndPaysForItsOwnPagesOnly()
    {
        uint family = Limits.TryCreate();
        uint apart = Limits.TryCreate();
        uint parent = Process(family, 16);
        Fill(parent, 0, 10);
        uint child = machine.Fork(parent);
        Assert.Equal(10UL, Limits.Usage(family).Pages);
        Limits.Join(child, apart);
        Fill(child, 0, 4);
        Assert.Equal((10UL, 4UL), (Limits.Usage(family).Pages, Limits.Usage(apart).Pages));
        Sound();
        machine.Exit(parent);
        Assert.Equal((6UL, 4UL), (Limits.Usage(family).Pages, Limits.Usage(apart).Pages)); // what the child still shares stays charged
        machine.Exit(child);
        Assert.Equal((0UL, 0UL), (Limits.Usage(family).Pages, Limits.Usage(apart).Pages));
        Sound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void ASlot_RemembersItsOwner_WhoeverSwapsThePageIn(Backing backing)
    {
        SwapOn(backing);
        uint first = Limits.TryCreate();
        uint second = Limits.TryCreate();
        uint space = Process(first, 8);
        Fill(space, 0, 8);
        machine.ReclaimAll();
        machine.Settle();
        machine.ReclaimAll();
        Assert.Equal((0UL, 8UL), Limits.Usage(first));
        Limits.Join(space, second);
        for (int page = 0; page < 4; page++)
            Load(space, page);
        Assert.Equal(4UL, Limits.Usage(first).Pages);
        Assert.Equal((0UL, 0UL), Limits.Usage(second));
        Sound();
    }

    [Fact]
    public void ALowerLimit_ReclaimsAtOnce()
    {
        SwapOn(Backing.Zram);
        uint group = Limits.TryCreate();
        uint space = Process(group, 64);
        Fill(space, 0, 64);
        Assert.True(Limits.TrySetLimits(group, pages: 8, slots: ulong.MaxValue));
        Assert.True(Limits.Usage(group).Pages <= 8);
        Fill(space, 0, 1);
        Assert.False(Limits.TrySetLimits(group, pages: 0, slots: 10));
        Sound();
    }

    [Fact]
    public void AHugePage_IsChargedWhole_AndSmallPagesDoWhereItDoesNotFit()
    {
        uint pages = HugePages<TArch, CheckedModel>.Pages;
        uint group = Limits.TryCreate(pages: pages + 4);
        uint space = Process(group, 0);
        ulong span = HugePages<TArch, CheckedModel>.Span;
        Assert.Equal(MmResult.Ok, machine.Map(space, Start, 2 * span, Rights));
        Assert.Equal(MmResult.Ok, machine.Advise(space, Start, 2 * span, Advice.HugePage, ref counters));
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start, [1], ref counters));
        Assert.Equal(pages, Limits.Usage(group).Pages);
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start + span, [1], ref counters));
        Assert.Equal(pages + 1UL, Limits.Usage(group).Pages);
        Sound();
        Assert.Equal(MmResult.Ok, machine.Advise(space, Start, span / 2, Advice.DontNeed, ref counters));
        machine.Exit(space);
        machine.ReclaimAll();
        Assert.Equal((0UL, 0UL), Limits.Usage(group));
        Sound();
    }

    [Fact]
    public void PagesOfAnObject_AreChargedToWhoTouchesThemFirst()
    {
        SwapOn(Backing.Zram);
        uint first = Limits.TryCreate();
        uint second = Limits.TryCreate();
        uint one = Process(first, 0);
        uint two = Process(second, 0);
        uint shared = machine.CreateSharedObject(8);
        foreach (uint space in (uint[])[one, two])
            Assert.Equal(MmResult.Ok, machine.MapObject(space, Start, Bytes(8), Rights, shared, 0));
        Fill(one, 0, 5);
        Fill(two, 0, 8);
        Assert.Equal((5UL, 3UL), (Limits.Usage(first).Pages, Limits.Usage(second).Pages));
        machine.ReclaimAll();
        Assert.Equal((5UL, 3UL), (Limits.Usage(first).Slots, Limits.Usage(second).Slots));
        Load(two, 0);
        Assert.Equal((1UL, 0UL), (Limits.Usage(first).Pages, Limits.Usage(second).Pages));
        Sound();
        machine.ReleaseSharedObject(shared);
    }

    [Fact]
    public void SwapThatIsFull_AndMemoryThatIsFull_EndInAResult()
    {
        Assert.Equal(SwapResult.Ok, machine.SwapOn(SwapAreaOptions.Zram(65), out _));
        uint space = Process(0, 0);
        ulong pages = machine.Image.FrameCount + 200;
        Assert.Equal(MmResult.Ok, machine.Map(space, Start, pages << TArch.PageShift, Rights));
        int stored = 0;
        while (machine.Write(space, Address(stored), [1], ref counters) == UserAccessResult.Ok)
            stored++;
        Assert.InRange((ulong)stored, 100UL, pages - 1);
        Assert.Equal(64UL, machine.Context.Swap.TotalInUse);
        Sound();
        Assert.Equal(MmResult.Ok, machine.Unmap(space, Start, Bytes(10)));
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Address(stored), [1], ref counters));
        Sound();
    }

    [Fact]
    public async Task WhoeverGotIn_IsInAGroupThatExists_WhileOthersRemoveGroups()
    {
        uint space = machine.CreateAddressSpace();
        int joined = 0;
        bool done = false;
        Task remover = Task.Run(() =>
        {
            while (!Volatile.Read(ref done))
                _ = RemoveAll();
        });
        for (int round = 0; round < 20_000; round++)
        {
            uint group = Limits.TryCreate();
            if (group == 0)
                continue; // all numbers are taken for the moment
            try
            {
                Limits.Join(space, group);
            }
            catch (ArgumentException)
            {
                continue; // removed before
            }

            joined++;
            Assert.True(machine.Context.Folios.Groups.Exists(group));
            Assert.False(Limits.TryRemove(group));
            Limits.Join(space, 0);
        }

        Volatile.Write(ref done, true);
        await remover;
        Assert.NotEqual(0, joined);
        _ = RemoveAll();
        Sound();
    }

    [Fact]
    public async Task ManyThreads_InTwoGroups_KeepTheirLimits()
    {
        SwapOn(Backing.Asynchronous);
        uint[] groups = [Limits.TryCreate(pages: 40), Limits.TryCreate(pages: 60)];
        Task[] tasks = [.. Enumerable.Range(0, 4).Select(i => Task.Run(() => Work(groups[i % 2], i)))];
        await Task.WhenAll(tasks);
        machine.Settle();
        machine.ReclaimAll();
        Sound();
        Assert.All(groups, group => Assert.Equal((0UL, 0UL), Limits.Usage(group)));
    }

    [Fact]
    public void AGroupThatDoesNotExist_IsMisuse()
    {
        Assert.Throws<ArgumentException>(() => Limits.Usage(3));
        Assert.Throws<ArgumentException>(() => Limits.Join(Process(0, 0), 3));
        for (uint group = 1; group <= MemoryGroups<CheckedModel>.Most; group++)
            Assert.Equal(group, Limits.TryCreate());
        Assert.Equal(0u, Limits.TryCreate());
    }

    private MemoryLimits<TArch, CheckedModel> Limits => machine.MemoryGroups;

    private static ulong Bytes(int pages) => (ulong)pages << TArch.PageShift;

    private static ulong Address(int page) => Start + Bytes(page);

    private void Work(uint group, int seed)
    {
        var random = new Random(seed);
        var own = new FaultCounters();
        byte[] one = new byte[1];
        for (int round = 0; round < 12; round++)
        {
            uint space = Process(group, 64);
            byte[] content = new byte[64];
            for (int i = 0; i < 300; i++)
            {
                int page = random.Next(64);
                UserAccessResult result = random.Next(2) == 0
                    ? Store(space, page, content, (byte)random.Next(1, 255), ref own)
                    : machine.Read(space, Address(page), one, ref own);
                if (result == UserAccessResult.Ok && i % 7 == 0)
                {
                    result = machine.Read(space, Address(page), one, ref own);
                    Assert.True(result != UserAccessResult.Ok || one[0] == content[page]);
                }

                Assert.True(result is UserAccessResult.Ok or UserAccessResult.OutOfMemory);
                Assert.True(Limits.Usage(group).Pages <= 64);
                if (i == 150)
                    Assert.NotEqual(0u, ForkAndExit(space));
            }

            machine.Exit(space);
        }
    }

    private uint ForkAndExit(uint space)
    {
        uint child = machine.Fork(space);
        if (child != 0)
            machine.Exit(child);
        return child;
    }

    private UserAccessResult Store(uint space, int page, byte[] content, byte value, ref FaultCounters own)
    {
        UserAccessResult result = machine.Write(space, Address(page), [value], ref own);
        if (result == UserAccessResult.Ok)
            content[page] = value;
        return result;
    }

    private void SwapOn(Backing backing) => Assert.Equal(SwapResult.Ok, machine.SwapOn(backing.Area(512), out _));

    private int RemoveAll()
    {
        int removed = 0;
        for (uint group = 1; group <= MemoryGroups<CheckedModel>.Most; group++)
            removed += machine.Context.Folios.Groups.TryRemove(group) ? 1 : 0;
        return removed;
    }

    private uint Process(uint group, int pages)
    {
        uint space = machine.CreateAddressSpace();
        if (group != 0)
            Limits.Join(space, group);
        if (pages != 0)
            Assert.Equal(MmResult.Ok, machine.Map(space, Start, Bytes(pages), Rights));
        return space;
    }

    /// <summary>Stores to some pages, to each its number and one.</summary>
    private void Fill(uint space, int first, int count)
    {
        for (int page = first; page < first + count; page++)
            Assert.Equal(UserAccessResult.Ok, machine.Write(space, Address(page), [(byte)(page + 1)], ref counters));
    }

    private int Load(uint space, int page)
    {
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, machine.Read(space, Address(page), one, ref counters));
        return one[0];
    }

    private void Sound() => Assert.Empty(machine.Verify());
}

public sealed class X64MemoryLimitTests : MemoryLimitTests<X64FourLevel>;

public sealed class Sun4vMemoryLimitTests : MemoryLimitTests<Sun4v>;
