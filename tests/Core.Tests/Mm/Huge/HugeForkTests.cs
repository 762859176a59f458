using PageTableEmu.Arch.X64;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Huge pages shared by fork: who writes gets a page of his own, and nobody sees the other's stores.</summary>
public class HugeForkTests
{
    [Fact]
    public void Fork_SharesTheLeaf_AndAWriteCopiesOneBasePage()
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        uint child = rig.Machine.Fork(rig.Space);
        Assert.True(rig.IsHuge(0) && rig.IsHuge(0, child) && rig.FrameAt(0) == rig.FrameAt(0, child));
        rig.AssertSound();
        rig.Write(10, 99, child);
        Assert.True(rig.IsHuge(0) && !rig.IsHuge(0, child));
        Assert.Equal((HugeMachine<X64FourLevel>.Value(10), 99), (rig.Read(10), rig.Read(10, child)));
        Assert.NotEqual(rig.FrameAt(10), rig.FrameAt(10, child));
        Assert.Equal(rig.FrameAt(11), rig.FrameAt(11, child));
        rig.AssertSound();
        rig.Write(11, 98);
        rig.AssertFilled(11, 400, 11, child);
        rig.AssertSound();
    }

    [Fact]
    public void AfterTheChildsExit_TheLeafIsReused()
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        uint child = rig.Machine.Fork(rig.Space);
        uint frame = rig.FrameAt(5);
        rig.Machine.Exit(child);
        rig.Write(5, 1);
        Assert.True(rig.IsHuge(5));
        Assert.Equal(frame, rig.FrameAt(5));
        rig.AssertSound();
    }

    [Fact]
    public void AfterTheChildsExit_PagesOfASplitLeafAreReusedInPlace()
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        uint child = rig.Machine.Fork(rig.Space);
        rig.Write(0, 1); // splits the parent's leaf and copies page 0
        rig.Machine.Exit(child);
        uint frame = rig.FrameAt(5);
        rig.Write(5, 1);
        Assert.Equal(frame, rig.FrameAt(5));
        Assert.True(rig.IsLarge(5));
        rig.AssertSound();
    }

    [Fact]
    public void Fork_OfAPinnedHugePage_GivesTheChildCopies()
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        uint frame = rig.Hold(9, GupFlags.Pin | GupFlags.Write);
        uint child = rig.Machine.Fork(rig.Space);
        Assert.Equal(frame, rig.FrameAt(9));
        Assert.NotEqual(frame, rig.FrameAt(9, child));
        rig.AssertSound(new Dictionary<uint, uint> { [frame] = 1 });
        rig.Write(9, 33);
        Assert.Equal(frame, rig.FrameAt(9));
        Assert.Equal(33, rig.Mm.Frames.Bytes(frame)[0]);
        rig.AssertFilled(0, 512, 0, child);
        rig.Machine.Gup.Put(frame, GupFlags.Pin | GupFlags.Write);
        rig.AssertSound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void ReclaimOfASharedHugePage_KeepsBothCopies(Backing backing)
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan(backing);
        uint child = rig.Machine.Fork(rig.Space);
        rig.Write(3, 200, child);
        rig.Machine.ReclaimAll();
        Assert.Equal(0u, rig.FrameAt(0));
        rig.AssertSound();
        Assert.Equal((HugeMachine<X64FourLevel>.Value(3), 200), (rig.Read(3), rig.Read(3, child)));
        rig.Write(4, 201);
        rig.AssertFilled(4, 508, 4, child);
        rig.AssertFilled(5, 507, 5);
        rig.AssertSound();
        rig.Machine.Exit(child);
        rig.AssertSound();
    }

    [Theory]
    [InlineData(Backing.Zram)]
    [InlineData(Backing.Asynchronous)]
    public void Collapse_MakesAHugePageOfBasePages_WithTheirContents(Backing backing)
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan(backing);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 256, Advice.PageOut));
        Assert.Equal(MmResult.Ok, rig.Advise(300, 5, Advice.DontNeed));
        uint child = rig.Machine.Fork(rig.Space);
        MmResult result = MmResult.Again;
        for (int attempt = 0; attempt < 600 && result == MmResult.Again; attempt++)
            result = rig.Advise(0, 512, Advice.Collapse);
        Assert.Equal(MmResult.Ok, result);
        Assert.True(rig.IsHuge(0));
        rig.AssertSound();
        for (uint page = 0; page < 512; page++)
        {
            byte expected = page is >= 300 and < 305 ? (byte)0 : HugeMachine<X64FourLevel>.Value(page);
            Assert.Equal((expected, expected), (rig.Read(page), rig.Read(page, child)));
        }

        rig.Write(7, 250);
        Assert.Equal(HugeMachine<X64FourLevel>.Value(7), rig.Read(7, child));
        rig.AssertSound();
    }

    [Fact]
    public void Collapse_OfAPinnedPage_FailsAndChangesNothing()
    {
        using HugeMachine<X64FourLevel> rig = HugeMachine<X64FourLevel>.WithFullSpan();
        Assert.Equal(MmResult.Ok, rig.Advise(0, 1, Advice.PageOut));
        uint frame = rig.Hold(200, GupFlags.Get);
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        Assert.Equal(MmResult.Again, rig.Advise(0, 512, Advice.Collapse));
        Assert.Equal(free, rig.Mm.Folios.Allocator.FreeCount); // found out before the swapped page was brought in
        Assert.Equal(frame, rig.FrameAt(200));
        rig.AssertFilled();
        rig.Machine.Gup.Put(frame, GupFlags.Get);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 512, Advice.Collapse));
        rig.AssertFilled();
        rig.AssertSound();
    }

    [Fact]
    public void Collapse_SaysWhatIsWrong()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        rig.Map(0, 1024);
        Assert.Equal(MmResult.Invalid, rig.Advise(0, 512, Advice.Collapse)); // nothing was ever written
        rig.Write(0, 1);
        Assert.Equal(MmResult.Ok, rig.Advise(0, 512, Advice.Collapse));
        Assert.Equal(MmResult.Invalid, rig.Advise(512, 512, Advice.Collapse)); // no table there
        Assert.Equal(MmResult.Invalid, rig.Advise(5, 8, Advice.Collapse));
        Assert.Equal(MmResult.Ok, rig.Advise(505, 8, Advice.Collapse)); // ends behind an aligned address, with nothing whole in between
        Assert.Equal(MmResult.Ok, rig.Advise(0, 1024, Advice.NoHugePage));
        Assert.Equal(MmResult.Invalid, rig.Advise(0, 512, Advice.Collapse));
        rig.AssertSound();
    }
}
