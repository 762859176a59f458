using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Reclaim.Ksm;

/// <summary>Pages of zeroes that the zero page takes the place of (use_zero_pages).</summary>
public sealed class KsmZeroPageTests
{
    private const int Pages = 8;

    [Fact]
    public void ZeroPages_GiveTheirFramesBack_AndOthersMergeAsEver()
    {
        using var rig = new KsmRig();
        rig.Machine.Ksm.UsesZeroPages = true;
        uint space = Filled(rig, page => page < 6 ? (byte)0 : (byte)7);
        rig.Machine.Settle();
        uint free = rig.Machine.Context.Folios.Allocator.FreeCount;
        rig.Machine.Ksm.Scan(2);
        rig.Machine.Settle();
        Assert.Equal(free + 6 + 1, rig.Machine.Context.Folios.Allocator.FreeCount);
        Assert.Equal(6, rig.Machine.Ksm.ZeroPages(space));
        Assert.All(Enumerable.Range(0, 6), page => Assert.Equal(rig.Machine.Context.Folios.ZeroFrame, rig.Frame(space, page)));
        Assert.True(rig.IsMerged(space, 6) && rig.IsMerged(space, 7));
        Assert.Equal(2ul, rig.Machine.Context.Spaces[space].AnonPages);
        rig.AssertSound();
    }

    [Fact]
    public void WithoutTheSetting_ZeroesAreMergedLikeAnyOthers()
    {
        using var rig = new KsmRig();
        uint space = Filled(rig, _ => 0);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(0, rig.Machine.Ksm.ZeroPages(space));
        Assert.All(Enumerable.Range(0, Pages), page => Assert.True(rig.IsMerged(space, page)));
        rig.AssertSound();
    }

    [Fact]
    public void AStore_GetsAFrameOfItsOwn_AndTheOthersStay()
    {
        using KsmRig rig = Replaced(out uint space);
        Assert.Equal(1, rig.Fill(space, 3, 5).Minor);
        Assert.Equal((5, 0, Pages - 1), (rig.Value(space, 3), rig.Value(space, 4), (int)rig.Machine.Ksm.ZeroPages(space)));
        rig.AssertSound();
    }

    [Fact]
    public void AChild_HasThemToo_AndEachWritesItsOwn()
    {
        using KsmRig rig = Replaced(out uint space);
        uint child = rig.Machine.Fork(space);
        Assert.Equal(Pages, rig.Machine.Ksm.ZeroPages(child));
        rig.Fill(child, 0, 1);
        rig.Fill(space, 1, 2);
        Assert.Equal((0, 2, 1, 0), (rig.Value(space, 0), rig.Value(space, 1), rig.Value(child, 0), rig.Value(child, 1)));
        rig.AssertSound();
        rig.Machine.Exit(space);
        Assert.Equal(Pages - 1, rig.Machine.Ksm.ZeroPages(child));
        rig.AssertSound();
    }

    [Fact]
    public void UnmergingAll_GivesEachAFrame_AndAZeroPageThatWasOnlyReadStays()
    {
        using KsmRig rig = Replaced(out uint space);
        uint reader = rig.Process(1);
        Assert.Equal(0, rig.Value(reader, 0));
        Assert.Equal(0, rig.Machine.Ksm.ZeroPages(reader));
        Assert.Equal(MmResult.Ok, rig.Machine.Ksm.UnmergeAll());
        Assert.Equal(0, rig.Machine.Ksm.ZeroPages(space));
        Assert.Equal(Pages, Enumerable.Range(0, Pages).Select(page => rig.Frame(space, page)).Distinct().Count());
        Assert.Equal(rig.Machine.Context.Folios.ZeroFrame, rig.Frame(reader, 0));
        rig.AssertSound();
    }

    [Fact]
    public void APinnedPageOfZeroes_StaysWhereItIs()
    {
        using var rig = new KsmRig();
        rig.Machine.Ksm.UsesZeroPages = true;
        uint space = Filled(rig, _ => 0);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, rig.Machine.Gup.TryTake(space, rig.Address(2), GupFlags.Pin | GupFlags.Write, out uint frame, ref counters));
        rig.Machine.Ksm.Scan(3);
        Assert.Equal((frame, (long)Pages - 1), (rig.Frame(space, 2), rig.Machine.Ksm.ZeroPages(space)));
        rig.AssertSound(new Dictionary<uint, uint> { [frame] = rig.Machine.Context.Frames.PinReferences(frame) });
        rig.Machine.Gup.Put(frame, GupFlags.Pin | GupFlags.Write);
    }

    [Fact]
    public void SwappedPagesOfZeroes_AreReplacedWhenTheyAreBack()
    {
        using var rig = new KsmRig(Backing.Asynchronous);
        rig.Machine.Ksm.UsesZeroPages = true;
        uint space = Filled(rig, _ => 0);
        rig.Machine.ReclaimAll();
        Assert.Equal(0, rig.Value(space, 0));
        rig.Machine.Settle();
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(1, rig.Machine.Ksm.ZeroPages(space));
        Assert.Equal(0, rig.Value(space, 0));
        rig.AssertSound();
    }

    private static KsmRig Replaced(out uint space)
    {
        var rig = new KsmRig();
        rig.Machine.Ksm.UsesZeroPages = true;
        space = Filled(rig, _ => 0);
        rig.Machine.Ksm.Scan(2);
        Assert.Equal(Pages, rig.Machine.Ksm.ZeroPages(space));
        return rig;
    }

    private static uint Filled(KsmRig rig, Func<int, byte> content)
    {
        uint space = rig.Process(Pages);
        for (int page = 0; page < Pages; page++)
            rig.Fill(space, page, content(page));
        return space;
    }
}
