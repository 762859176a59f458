using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Swap;
using World = PageTableEmu.Core.Tests.Tags.TagWorld<
    PageTableEmu.Arch.Arm64.Arm64FourLevel<PageTableEmu.Arch.Arm64.Mte.MteFrameSlot>,
    PageTableEmu.Arch.Arm64.Mte.MteFormat,
    PageTableEmu.Atomics.CheckedModel>;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>The sites with MTE, whose check stays once it is there, and whose tagged pages are never merged.</summary>
public sealed class MteSiteTests : TagSiteTests<Arm64FourLevel<MteFrameSlot>, MteFormat>
{
    [Fact]
    public void Check_CannotBeSwitchedOff()
    {
        using World w = New(Backing.Zram);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 4, tags: false));
        Assert.Equal(UserAccessResult.TagMismatch, w.TryRead(w.Process, 0, 0, out _));
        w.Machine.ReclaimAll();
        Assert.Equal(UserAccessResult.TagMismatch, w.TryRead(w.Process, 1, 0, out _));
        w.AssertSeen("still checked");
        Check(w, "still checked");
    }

    [Fact]
    public void MappingsMayBeMergeable_AndTaggedPagesAreNeverMerged_EqualOrNot()
    {
        using var w = new World(pages: 0);
        w.Map(w.Process, 0, 3);
        w.Map(w.Process, 100, 3, VmaFlags.None);
        for (uint page = 0; page < 3; page++)
        {
            w.Write(w.Process, page, 7);
            w.Write(w.Process, 100 + page, 7);
        }

        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 3, Advice.Mergeable));
        Assert.NotEqual(VmaFlags.None, w.Mm.Vmas.FlagsOf(w.Mm.Vmas.Find(w.Process, World.At(0))) & VmaFlags.Mergeable);
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 100, 3, Advice.Mergeable));
        w.Machine.Ksm.Scan(24);
        Assert.Equal(3, w.Machine.Ksm.MergedItems(w.Process)); // those of the mapping that never checked
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 100, 3, tags: true)); // no refusal, and merged pages have tag 0 then
        Check(w, "merged");
        w.AssertSeen("merged");
    }

    [Fact]
    public void TagOfZero_IsATagLikeAnyOther()
    {
        using World w = New(Backing.Zram);
        for (uint memory = 0; memory < 16; memory++)
        {
            w.Tag(w.Process, 0, 2, memory);
            for (uint pointer = 0; pointer < 16; pointer++)
            {
                UserAccessResult expected = memory == pointer ? UserAccessResult.Ok : UserAccessResult.TagMismatch;
                Assert.Equal((memory, pointer, expected), (memory, pointer, w.TryRead(w.Process, 0, pointer, out _, block: 2)));
            }
        }
    }

    [Fact]
    public void StoreThatMismatchesHalfWay_ChangesNothing()
    {
        using World w = New(Backing.Zram);
        var counters = new FaultCounters();
        ulong pointer = World.Tagged(World.At(0) + 32, 0);
        w.Tag(w.Process, 0, 7, 3); // the sixth granule of what is stored
        Assert.Equal(UserAccessResult.TagMismatch, w.Machine.Write(w.Process, pointer, Enumerable.Repeat((byte)9, 100).ToArray(), ref counters));
        byte[] seen = new byte[80];
        Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, pointer, seen, ref counters));
        Assert.Equal(new byte[80], seen);
        Assert.True(w.Instructions.TryFindMismatch(w.Process, pointer, 100, out TagMismatch mismatch));
        Assert.Equal(new TagMismatch(World.At(0) + 112, 0, 3), mismatch);
    }

    [Fact]
    public void StoreOfZerosWithATag_SetsBoth()
    {
        using World w = New(Backing.Zram);
        var counters = new FaultCounters();
        Assert.Equal(TagResult.Ok, w.Instructions.ClearBlock(w.Process, World.At(0), ref counters, 12));
        Assert.Equal(12u, w.TagNow(w.Process, 0));
        Assert.Equal(0u, w.TagNow(w.Process, 0, 1));
        Assert.Equal(UserAccessResult.Ok, w.TryRead(w.Process, 0, 12, out byte value));
        Assert.Equal(0, value);
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            var others = new FaultCounters();
            w.Instructions.ClearBlock(w.Process, World.At(0), ref others, 16);
        });
    }

    [Fact]
    public void UpperByteOfAPointer_IsIgnoredInTranslation_AndItsLowerHalfIsTheTag()
    {
        using World w = New(Backing.Zram);
        var counters = new FaultCounters();
        byte[] one = new byte[1];
        Assert.Equal(UserAccessResult.Ok, w.Machine.Read(w.Process, World.At(0) | (0xA5UL << 56), one, ref counters));
        Assert.Equal(UserAccessResult.TagMismatch, w.Machine.Read(w.Process, World.At(0) | (0x5AUL << 56), one, ref counters));
        Assert.Equal(1, one[0]);
    }

    /// <summary>The words of mte_save_page_tags: LDGM of each 256 bytes, granule g in bits 4g+3 to 4g.</summary>
    [Fact]
    public void TagsOfASlot_LieAsTheInstructionsStoreThem()
    {
        using var w = new World(pages: 1);
        w.Write(w.Process, 0, 1);
        for (int block = 0; block < World.Blocks; block++)
            w.Tag(w.Process, 0, block, (uint)((block * 7) + (block >> 4)) & 15);
        w.Machine.ReclaimAll();
        var soft = w.Mm.Decode(w.Entry(w.Process, 0));
        ReadOnlySpan<byte> kept = w.Storage.OfSlot(new SwapEntry(soft.Type, soft.Offset));
        Assert.Equal(128, kept.Length);
        for (int word = 0; word < 16; word++)
        {
            ulong expected = 0;
            for (int granule = 0; granule < 16; granule++)
                expected |= (ulong)(((((word * 16) + granule) * 7) + word) & 15) << (4 * granule);
            Assert.Equal(expected, System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(kept[(8 * word)..]));
        }
    }
}
