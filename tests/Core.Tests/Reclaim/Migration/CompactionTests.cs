using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Mm.Huge;
using PageTableEmu.Mm;
using PageTableEmu.Reclaim.Migration;

namespace PageTableEmu.Core.Tests.Reclaim.Migration;

/// <summary>Memory in shreds, and how it becomes whole again.</summary>
public sealed class CompactionTests : IDisposable
{
    private readonly HugeMachine<X64FourLevel> rig = new(blocks: 8);

    private static uint Span => HugeMachine<X64FourLevel>.Span;

    private MmContext<X64FourLevel, CheckedModel> Mm => rig.Mm;

    [Fact]
    public void Compact_MovesPagesFromLowToHigh_AndMakesBlocks()
    {
        Shred();
        uint before = Mm.Folios.Allocator.FreeBlocks;
        uint lowest = Lowest();
        CompactionResult result = rig.Machine.Compact();
        Assert.True(result.BlocksMade >= 3, result.ToString());
        Assert.Equal(before + (uint)result.BlocksMade, result.FreeBlocks);
        Assert.Equal(result.FreeBlocks, Mm.Folios.Allocator.FreeBlocks);
        Assert.Equal(0u, result.PagesFailed);
        Assert.True(Lowest() > lowest);
        AssertShreds();
        rig.AssertSound();
        Assert.Equal(0u, rig.Machine.Compact().PagesMoved); // nothing is left to do
    }

    [Fact]
    public void Compact_IsDetermined()
    {
        using var other = new HugeMachine<X64FourLevel>(blocks: 8);
        Shred();
        Shred(other);
        Assert.Equal(rig.Machine.Compact(), other.Machine.Compact());
        for (uint page = 0; page < 5 * Span; page += 16)
            Assert.Equal(rig.FrameAt(page), other.FrameAt(page));
    }

    [Fact]
    public void PinnedPage_KeepsItsBlock_AndNothingOfItMoves()
    {
        Shred();
        const GupFlags LongTerm = GupFlags.Pin | GupFlags.LongTerm | GupFlags.Write;
        var faults = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(rig.Space, HugeMachine<X64FourLevel>.At(Span + 16), LongTerm, out uint pinned, ref faults));
        uint neighbour = rig.FrameAt(Span + 32);
        Assert.Equal(pinned / Span, neighbour / Span);
        int made = rig.Machine.Compact().BlocksMade;
        Assert.Equal(pinned, rig.FrameAt(Span + 16));
        Assert.Equal(neighbour, rig.FrameAt(Span + 32));
        rig.Machine.Gup.Put(pinned, LongTerm);
        Assert.True(made > 0);
        AssertShreds();
        rig.AssertSound();
    }

    [Fact]
    public void HugeFault_CompactsWhenNoBlockIsFree()
    {
        Shred();
        var blocks = new List<uint>();
        for (uint block = Mm.Folios.TryAllocateLarge(); block != 0; block = Mm.Folios.TryAllocateLarge())
            blocks.Add(block);
        uint page = 32 * Span;
        rig.Map(page, Span);
        rig.Write(page, 1);
        Assert.True(rig.IsHuge(page));
        AssertShreds();
        blocks.ForEach(block => Mm.Folios.Put(block));
        rig.AssertSound();
    }

    [Fact]
    public void BlockWithATable_StaysInUse()
    {
        Shred();
        uint table = Mm.Tables.LeafTable(Mm.Spaces[rig.Space].Root, HugeMachine<X64FourLevel>.At(0));
        rig.Machine.Compact();
        Assert.Equal(table, Mm.Tables.LeafTable(Mm.Spaces[rig.Space].Root, HugeMachine<X64FourLevel>.At(0)));
        AssertShreds();
        rig.AssertSound();
    }

    public void Dispose() => rig.Dispose();

    /// <summary>Fills five blocks with base pages and frees all but every sixteenth.</summary>
    private void Shred() => Shred(rig);

    private static void Shred(HugeMachine<X64FourLevel> machine)
    {
        Assert.Equal(MmResult.Ok, machine.Machine.Map(
            machine.Space, HugeMachine<X64FourLevel>.At(0), HugeMachine<X64FourLevel>.Bytes(5 * Span), VmaFlags.Read | VmaFlags.Write));
        for (uint page = 0; page < 5 * Span; page += Span)
            machine.Write(page, HugeMachine<X64FourLevel>.Value(page)); // the tables come first, so that the other blocks have none
        for (uint page = 0; page < 5 * Span; page++)
            machine.Write(page, HugeMachine<X64FourLevel>.Value(page));
        for (uint page = 0; page < 5 * Span; page += 16)
            Assert.Equal(MmResult.Ok, machine.Advise(page + 1, 15, Advice.DontNeed));
        machine.Machine.Settle();
        machine.Mm.Folios.Allocator.ReturnCaches();
    }

    private void AssertShreds()
    {
        for (uint page = 0; page < 5 * Span; page += 16)
            Assert.Equal(HugeMachine<X64FourLevel>.Value(page), rig.Read(page));
    }

    private uint Lowest()
    {
        uint lowest = uint.MaxValue;
        for (uint page = 0; page < 5 * Span; page += 16)
            lowest = rig.FrameAt(page) is var frame && frame >= Span ? Math.Min(lowest, frame) : lowest; // the first block cannot become free
        return lowest;
    }
}
