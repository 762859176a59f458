using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>What can be asked of any frame of a large folio is the folio's; what is a page's own stays its own.</summary>
public class LargeFolioTests
{
    [Fact]
    public void X64_FolioState_ThroughAnyFrame_IsTheFolios() => FolioStateThroughAnyFrame<X64FourLevel>();

    [Fact]
    public void Sparc_FolioState_ThroughAnyFrame_IsTheFolios() => FolioStateThroughAnyFrame<Sun4v>();

    [Fact]
    public void Put_OfTheLastReference_GivesTheBlockBackAndLeavesNoTail()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        uint free = rig.Mm.Folios.Allocator.FreeCount;
        uint head = rig.Mm.Folios.TryAllocateLarge();
        rig.Mm.Frames.Get(head + 7);
        rig.Mm.Folios.Put(head);
        Assert.Equal(free - HugeMachine<X64FourLevel>.Span, rig.Mm.Folios.Allocator.FreeCount);
        rig.Mm.Folios.Put(head + 300);
        Assert.Equal(free, rig.Mm.Folios.Allocator.FreeCount);
        for (uint frame = head; frame < head + HugeMachine<X64FourLevel>.Span; frame++)
            Assert.False(rig.Mm.Frames.IsLarge(frame));
        rig.AssertSound();
    }

    [Fact]
    public void TryGet_OfATailOfAFreeBlock_Fails()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        uint head = rig.Mm.Folios.TryAllocateLarge();
        Assert.True(rig.Mm.Folios.TryGet(head + 1));
        rig.Mm.Folios.Put(head + 1);
        rig.Mm.Folios.Put(head);
        Assert.False(rig.Mm.Folios.TryGet(head + 1));
    }

    [Fact]
    public void Mappings_OfOnePage_CountHugeLeavesAndItsOwnEntries()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        LargeFolios<CheckedModel> large = rig.Mm.Frames.Large;
        uint head = rig.Mm.Folios.TryAllocateLarge();
        large.AddEntire(head, 1);
        large.AddPage(head + 5, head, 2);
        Assert.Equal((2u, 1u, 2u), (rig.Mm.Frames.Mappings(head + 5), rig.Mm.Frames.Mappings(head + 6), rig.Mm.Frames.FolioMappings(head + 9)));
        Assert.False(large.IsMappedByOne(head));
        large.RemoveEntire(head, 1);
        Assert.True(large.IsMappedByOne(head));
        Assert.True(rig.Mm.Frames.Has(head, FrameFlags.PartiallyMapped));
        large.RemovePage(head + 5, head, 2);
        Assert.Equal((0u, 0u), (rig.Mm.Frames.FolioMappings(head), rig.Mm.Frames.Mappings(head + 5)));
        rig.Mm.Folios.Put(head);
        rig.AssertSound();
    }

    [Fact]
    public void IsMappedByOne_OfManySpaces_IsNeverTrueOfAFolioThatSeveralMap()
    {
        using var rig = new HugeMachine<X64FourLevel>();
        LargeFolios<CheckedModel> large = rig.Mm.Frames.Large;
        uint head = rig.Mm.Folios.TryAllocateLarge();
        var random = new Random(5);
        var mapped = new List<(uint Page, uint Space)>();
        for (int step = 0; step < 20_000; step++)
        {
            if (mapped.Count != 0 && random.Next(2) == 0)
            {
                int index = random.Next(mapped.Count);
                large.RemovePage(head + mapped[index].Page, head, mapped[index].Space);
                mapped.RemoveAt(index);
            }
            else if (mapped.Count < 12)
            {
                mapped.Add(((uint)random.Next(4), (uint)random.Next(1, 5)));
                large.AddPage(head + mapped[^1].Page, head, mapped[^1].Space);
            }

            Assert.Equal((uint)mapped.Count, large.TotalMappings(head));
            bool severalOrNone = mapped.Select(mapping => mapping.Space).Distinct().Count() != 1;
            Assert.False(severalOrNone && large.IsMappedByOne(head), $"step {step}: {string.Join(' ', mapped)}");
        }
    }

    private static void FolioStateThroughAnyFrame<TArch>()
        where TArch : struct, IArchitecture
    {
        using var rig = new HugeMachine<TArch>(blocks: 4);
        FrameTable<CheckedModel> frames = rig.Mm.Frames;
        uint head = rig.Mm.Folios.TryAllocateLarge();
        uint end = head + HugeMachine<TArch>.Span;
        for (uint frame = head; frame < end; frame++)
        {
            uint other = head + ((frame - head + 77) % HugeMachine<TArch>.Span);
            Assert.Equal(head, frames.HeadOf(frame));
            frames.Get(frame, 3);
            Assert.Equal(4u, frames.References(other));
            Assert.False(frames.Put(other, 3));
            frames.Set(frame, FrameFlags.Dirty | FrameFlags.AnonExclusive);
            Assert.True(frames.Has(other, FrameFlags.Dirty));
            Assert.False(frames.Has(other, FrameFlags.AnonExclusive));
            Assert.Equal(FrameFlags.Dirty, frames.Clear(frame, FrameFlags.Dirty | FrameFlags.AnonExclusive) & FrameFlags.Dirty);
            Assert.False(frames.Has(frame, FrameFlags.Dirty) || frames.Has(frame, FrameFlags.AnonExclusive));
            Assert.True(frames.TryLock(frame));
            Assert.False(frames.TryLock(other));
            frames.Unlock(other);
            frames.Get(frame);
            frames.ConvertToPin(frame);
            Assert.True(frames.MaybePinned(other));
            Assert.Equal(2u, frames.References(head));
            rig.Mm.Folios.PutPin(frame);
            Assert.False(frames.MaybePinned(other));
            Assert.Equal(FrameFlags.None, frames.Flags(frame) & FrameFlags.Tail);
        }

        rig.Mm.Folios.Put(head);
        rig.AssertSound();
    }
}
