using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Image;

/// <summary>Folios on their way to an LRU list: linked in order when somebody looks, found by who frees them.</summary>
public sealed class LruArrivalTests : IDisposable
{
    private const ulong Base = 0x10_0000_0000;
    private const int Many = 40; // more than one stack holds
    private readonly Machine<X64FourLevel, CheckedModel> machine = Machine<X64FourLevel, CheckedModel>.Create(new MachineImageOptions
    {
        RamBytes = 4 << 20,
    });

    private readonly uint space;

    public LruArrivalTests()
    {
        space = machine.CreateAddressSpace();
        machine.Map(space, Base, Many << 12, VmaFlags.Read | VmaFlags.Write);
    }

    private LruLists<CheckedModel> Lists => machine.Context.Folios.Lru;

    private ulong Linked => machine.Image.Record<FrameState>(MetadataRegion.FrameState, 0).Lru[(int)LruKind.InactiveAnon].Pages;

    private ref ulong OwnStack => ref machine.Image.Record<FrameCache>(MetadataRegion.FrameCaches, (ulong)FrameCache.Own).Arrivals;

    public void Dispose() => machine.Dispose();

    [Fact]
    public void Few_AreLinkedWhenSomebodyLooks()
    {
        Touch(5);
        Assert.Equal(0u, Linked);
        Assert.Empty(machine.Verify()); // which does not look in that sense
        Assert.Equal(0u, Linked);
        Assert.Equal(5u, Lists.Pages(LruKind.InactiveAnon));
        Assert.Equal(5u, Linked);
        Assert.Empty(machine.Verify());
    }

    [Fact]
    public void Many_AreLinked31AtATime()
    {
        Touch(Many);
        Assert.Equal(31u, Linked);
        machine.Settle();
        Assert.Equal((ulong)Many, Linked);
    }

    [Fact]
    public void Order_IsThatOfTheirComing()
    {
        uint[] frames = Touch(Many);
        Lists.MarkAccessed(frames[35]);
        Lists.MarkAccessed(frames[35]); // active: links its own list's youngest behind all that came before
        var isolated = new uint[Many];
        int count = Lists.Isolate(LruKind.InactiveAnon, Many, 0, isolated);
        Assert.Equal(frames.Where(frame => frame != frames[35]), isolated.Take(count));
        foreach (uint frame in isolated.Take(count))
        {
            Lists.PutBack(frame);
            machine.Context.Folios.Put(frame);
        }

        Assert.Empty(machine.Verify());
    }

    [Fact]
    public void FreedOnTheirWay_AreOnNoList()
    {
        Touch(5);
        machine.Unmap(space, Base, 3 << 12);
        Assert.Empty(machine.Verify());
        Assert.Equal(2u, Lists.Pages(LruKind.InactiveAnon));
    }

    [Fact]
    public void OtherThreads_BringThemIn()
    {
        Touch(5);
        var other = new Thread(() => Assert.True(Lists.TryIsolate(FrameAt(0))));
        other.Start();
        other.Join();
        Assert.Equal(4u, Linked);
        Lists.PutBack(FrameAt(0));
        Assert.Empty(machine.Verify());
    }

    [Theory]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(uint.MaxValue)]
    public void LengthThatIsWrong_IsDamage(uint length)
    {
        Touch(5);
        OwnStack = (OwnStack & uint.MaxValue) | ((ulong)length << 32);
        Assert.Throws<CorruptImageException>(Lists.Drain);
    }

    private uint[] Touch(int pages)
    {
        var counters = new FaultCounters();
        for (int page = 0; page < pages; page++)
            machine.Write(space, Base + ((ulong)page << 12), [1], ref counters);
        return [.. Enumerable.Range(0, pages).Select(FrameAt)];
    }

    private uint FrameAt(int page) => machine.PageMap.Look(space, Base + ((ulong)page << 12)).Frame;
}
