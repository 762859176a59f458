using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>What loads, stores and tag instructions of user mode see, by both providers.</summary>
public abstract class TagInstructionTests<TTags>
    where TTags : struct, IPageTagProvider
{
    [Fact]
    public void EveryPairOfTags_MatchesAsTheManualSays()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        for (uint memory = 0; memory < 16; memory++)
        {
            w.Tag(w.Process, 0, 2, memory);
            for (uint pointer = 0; pointer < 16; pointer++)
            {
                bool allowed = memory is 0 or 15 || memory == pointer;
                UserAccessResult expected = allowed ? UserAccessResult.Ok : UserAccessResult.TagMismatch;
                Assert.Equal((memory, pointer, expected), (memory, pointer, w.TryRead(w.Process, 0, pointer, out _, block: 2)));
                Assert.Equal((memory, pointer, expected), (memory, pointer, Store(w, 0, 128, pointer, [1])));
            }
        }
    }

    [Fact]
    public void Mismatch_IsExact_AndNothingOfThePageMoves()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Tag(w.Process, 0, 0, 3);
        w.Tag(w.Process, 0, 1, 3);
        w.Tag(w.Process, 0, 2, 4);
        byte[] data = [.. Enumerable.Range(1, 100).Select(i => (byte)i)];
        Assert.Equal(UserAccessResult.Ok, Store(w, 0, 28, 3, data));
        Assert.Equal(UserAccessResult.TagMismatch, Store(w, 0, 29, 3, new byte[100])); // the last byte is one too many
        Assert.True(w.Instructions.TryFindMismatch(w.Process, Pointer(0, 29, 3), 100, out TagMismatch mismatch));
        Assert.Equal(new TagMismatch(Address(0, 128), 3, 4), mismatch);
        Assert.False(w.Instructions.TryFindMismatch(w.Process, Pointer(0, 29, 3), 99, out _));
        byte[] seen = new byte[100];
        var counters = new FaultCounters();
        Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, Pointer(0, 28, 3), seen, ref counters));
        Assert.Equal(data, seen);
    }

    [Fact]
    public void AccessAcrossPages_DoesThePagesBeforeTheMismatch()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Tag(w.Process, 0, TagWorld<TTags, CheckedModel>.Blocks - 1, 3);
        w.Tag(w.Process, 1, 0, 4);
        Assert.Equal(UserAccessResult.TagMismatch, Store(w, 0, 8190, 3, [1, 2, 3, 4]));
        byte[] seen = new byte[2];
        var counters = new FaultCounters();
        Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, Pointer(0, 8190, 3), seen, ref counters));
        Assert.Equal<byte>([1, 2], seen);
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 1, 4, out byte second));
        Assert.Equal(2, second);
    }

    [Fact]
    public void Tag_IsSetThroughWritableMappingsOnly_AndOnlyWhereTagsAreChecked()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Map(w.Process, 40, 1, VmaFlags.None);
        Assert.Equal(TagResult.NotEnabled, w.TrySetTag(w.Process, 40, 0, 5));
        Assert.Equal(TagResult.SegmentationFault, w.TrySetTag(w.Process, 60, 0, 5));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: true, AccessRights.Read));
        Assert.Equal(TagResult.SegmentationFault, w.TrySetTag(w.Process, 0, 0, 5));
        Assert.Equal(0u, w.TagNow(w.Process, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => w.TrySetTag(w.Process, 1, 0, 16));
    }

    [Fact]
    public void SettingATag_MakesThePageDirty_SoThatItIsWrittenAgain()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Tag(w.Process, 0, 0, 5);
        w.Machine.ReclaimAll();
        Assert.Equal(5u, w.TagNow(w.Process, 0));
        w.Tag(w.Process, 0, 0, 6); // the first store to a clean page traps on sparc64, and a tag is a store
        Assert.True(SparcLeaf<Sun4vM7Bits>.IsDirty(w.Entry(w.Process, 0)));
        w.Machine.ReclaimAll();
        Assert.Equal(6u, w.TagNow(w.Process, 0));
    }

    [Fact]
    public void TagOfTheZeroPage_IsSetOnACopy()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 9, 0, out _));
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 10, 0, out _));
        w.Tag(w.Process, 9, 0, 5);
        Assert.Equal(0u, w.TagNow(w.Process, 10));
        w.AssertSound("copied");
    }

    [Fact]
    public void BlockInitialisingStore_ClearsDataAndTag_OfItsBlockAlone()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        for (int block = 0; block < 3; block++)
            w.Tag(w.Process, 0, block, 5);
        Assert.Equal(UserAccessResult.Ok, Store(w, 0, 0, 5, Enumerable.Repeat((byte)7, 192).ToArray()));
        var counters = new FaultCounters();
        Assert.Equal(TagResult.Ok, w.Instructions.ClearBlock(w.Process, Address(0, 64), ref counters));
        Assert.Equal((5u, 0u, 5u), (w.TagNow(w.Process, 0), w.TagNow(w.Process, 0, 1), w.TagNow(w.Process, 0, 2)));
        byte[] seen = new byte[192];
        Assert.True(w.Instructions.LoadUnchecked(w.Process, Address(0, 0), seen));
        Assert.Equal([.. Enumerable.Repeat((byte)7, 64), .. new byte[64], .. Enumerable.Repeat((byte)7, 64)], seen);
    }

    [Fact]
    public void NonFaultingLoad_IsNotChecked_AndTakesNoFault()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Fill(w.Process, 0, 42, 5);
        byte[] one = [99];
        Assert.Equal(UserAccessResult.TagMismatch, w.TryRead(w.Process, 0, 6, out _));
        Assert.True(w.Instructions.LoadUnchecked(w.Process, AdiFormat.Tagged(Address(0, 0), 6), one));
        Assert.Equal(42, one[0]);
        w.Machine.ReclaimAll();
        Assert.False(w.Instructions.LoadUnchecked(w.Process, Address(0, 0), one));
        Assert.Equal(0, one[0]);
        Assert.True(w.IsSwapped(w.Process, 0));
        Assert.False(w.Instructions.LoadUnchecked(w.Process, Address(500, 0), one));
    }

    [Fact]
    public void MappingThatDoesNotCheck_IgnoresTags()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Fill(w.Process, 0, 42, 5);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 1, tags: false));
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 6, out byte value));
        Assert.Equal(42, value);
        Assert.Equal(TagResult.NotEnabled, w.TrySetTag(w.Process, 0, 0, 5));
        Assert.False(w.Instructions.TryFindMismatch(w.Process, Pointer(0, 0, 6), 8, out _));
    }

    [Fact]
    public void Devices_AreNotChecked()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        w.Fill(w.Process, 0, 42, 5);
        var counters = new FaultCounters();
        Assert.Equal(MmResult.Ok, w.Machine.Gup.TryTake(w.Process, Address(0, 0), GupFlags.Get, out uint frame, ref counters));
        Assert.Equal(42, w.Mm.Frames.Bytes(frame)[0]);
        w.Machine.Gup.Put(frame, GupFlags.Get);
    }

    [Fact]
    public void MapWithTags_IsInheritedByFork_AndEndsWithMprotect()
    {
        using TagWorld<TTags, CheckedModel> w = New();
        uint child = w.Fork(w.Process);
        Assert.NotEqual(VmaFlags.None, w.Mm.Vmas.FlagsOf(w.Mm.Vmas.Find(child, Address(0, 0))) & VmaFlags.TagChecked);
        Assert.Equal(MmResult.Ok, w.Protect(child, 0, 4, tags: false));
        Assert.Equal(VmaFlags.None, w.Mm.Vmas.FlagsOf(w.Mm.Vmas.Find(child, Address(0, 0))) & VmaFlags.TagChecked);
        Assert.NotEqual(VmaFlags.None, w.Mm.Vmas.FlagsOf(w.Mm.Vmas.Find(child, Address(4, 0))) & VmaFlags.TagChecked);
        w.AssertSound("split");
    }

    private static ulong Address(uint page, int offset) => TagWorld<TTags, CheckedModel>.At(page) + (uint)offset;

    private static ulong Pointer(uint page, int offset, uint tag) => AdiFormat.Tagged(Address(page, offset), tag);

    private static UserAccessResult Store(TagWorld<TTags, CheckedModel> w, uint page, int offset, uint tag, byte[] data)
    {
        var counters = new FaultCounters();
        return w.Machine.Write(w.Process, Pointer(page, offset, tag), data, ref counters);
    }

    private static TagWorld<TTags, CheckedModel> New()
    {
        var w = new TagWorld<TTags, CheckedModel>(Backing.Zram);
        w.Write(w.Process, 0, 1);
        w.Write(w.Process, 1, 2);
        return w;
    }
}

/// <inheritdoc/>
public sealed class FrameSlotTagInstructionTests : TagInstructionTests<AdiFrameSlot>
{
    [Fact]
    public void ArchitectureWithoutTags_HasNoSuchInstructions()
    {
        using var machine = Machine<X64FourLevel, CheckedModel>.Create(new MachineImageOptions { RamBytes = 1 << 20 });
        Assert.Throws<ArgumentException>(() => new TagInstructions<X64FourLevel, CheckedModel, AdiFormat>(machine.Context));
        Assert.Equal(0UL, machine.Image.Capacity(MetadataRegion.FrameTags));
        Assert.Equal(0UL, machine.Image.Capacity(MetadataRegion.SlotTags));
        Assert.False(PageTags<X64FourLevel, CheckedModel>.IsOn);
        Assert.Equal(0u, machine.Context.Tags.Storage.KeptCount);
    }
}

/// <inheritdoc/>
public sealed class LinuxTagInstructionTests : TagInstructionTests<AdiLinux>;
