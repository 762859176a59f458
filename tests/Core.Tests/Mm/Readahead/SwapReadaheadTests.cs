using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.X64;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Mm.Readahead;

/// <summary>What is read ahead at swap-in, and what it saves.</summary>
public sealed class SwapReadaheadTests
{
    private const int Pages = 128;

    /// <summary>Major faults of a pass over 128 pages: one for each window.</summary>
    [Theory]
    [InlineData(0, 128)]
    [InlineData(1, 64)]
    [InlineData(2, 32)]
    [InlineData(3, 16)]
    [InlineData(5, 4)]
    public void SequentialPass_TakesOneMajorFaultPerWindow(int pageCluster, int atLeast)
    {
        using var rig = new Rig<X64FourLevel>(pageCluster);
        (long major, ulong read) = rig.Touch(Enumerable.Range(0, Pages));
        Assert.Equal((ulong)Pages, read); // each page once
        Assert.InRange(major, atLeast, atLeast + 6); // the first windows are smaller
        Assert.Equal(rig.Swap.Readahead.PagesReadAhead, (ulong)(Pages - major));
        rig.Sound();
    }

    [Fact]
    public void BackwardPass_IsReadAheadToo()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3);
        (long major, ulong read) = rig.Touch(Enumerable.Range(0, Pages).Reverse());
        Assert.Equal((ulong)Pages, read);
        Assert.InRange(major, 16, 24);
        rig.Sound();
    }

    [Fact]
    public void RandomAccess_SoonReadsNothingAhead()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3);
        int[] pages = [.. Enumerable.Range(0, Pages / 4).Select(i => i * 37 % Pages)];
        (long major, ulong read) = rig.Touch(pages);
        Assert.InRange(read, (ulong)major, (ulong)(major + 24)); // the first window of 8, and while it halves
        rig.Sound();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SynchronousArea_IsReadAheadOnlyForSharedEntries(bool shared)
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3, SwapAreaOptions.Zram(512));
        if (shared)
            rig.Fork();
        (long major, _) = rig.Touch(Enumerable.Range(0, Pages));
        if (shared)
            Assert.InRange(major, 16, 22);
        else
            Assert.Equal(Pages, major);
        rig.Sound();
    }

    /// <summary>A rotational area anywhere makes all windows go over slots: an aligned block around the slot.</summary>
    [Fact]
    public void RotationalArea_IsReadInBlocksOfSlots()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3, new SwapAreaOptions { Slots = 512, Rotational = true });
        rig.Touch([20]); // slot 21, in the block 16 to 23, pages 15 to 22
        Assert.Equal(Enumerable.Range(15, 8), Enumerable.Range(0, Pages).Where(rig.IsInMemory));
        Assert.Equal(7ul, rig.Swap.Readahead.PagesReadAhead);
        (long major, _) = rig.Touch(Enumerable.Range(15, 8));
        Assert.Equal(0, major);
        Assert.Equal(7ul, rig.Swap.Readahead.Hits);
        rig.Touch([0]); // slot 1: the block is cut before the header
        Assert.Equal(Enumerable.Range(0, 7), Enumerable.Range(0, 15).Where(rig.IsInMemory));
        rig.Sound();
    }

    [Fact]
    public void FirstFault_ReadsEightPagesAroundIt()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3);
        rig.Touch([64]);
        Assert.Equal(Enumerable.Range(61, 8), Enumerable.Range(0, Pages).Where(rig.IsInMemory));
        Assert.Equal(Enumerable.Range(61, 8).Where(page => page != 64), Enumerable.Range(0, Pages).Where(rig.IsReadAhead));
        rig.Touch([61]);
        Assert.False(rig.IsReadAhead(61));
        Assert.Equal(1ul, rig.Swap.Readahead.Hits);
        rig.Sound();
    }

    [Fact]
    public void Window_EndsWithTheVma()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3);
        rig.Machine.Protect(rig.Space, rig.At(66), (ulong)(Pages - 66) << 12, AccessRights.Read, ref rig.Faults);
        rig.Touch([65]);
        Assert.Equal([62, 63, 64, 65], Enumerable.Range(0, Pages).Where(rig.IsInMemory));
        rig.Sound();
    }

    [Fact]
    public void Window_LeavesOutWhatIsNotInSwap_AndEntriesOfOtherAreasAreRead()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 0, new SwapAreaOptions { Slots = Pages + 1 }); // full: the next page goes to another one
        rig.Machine.Advise(rig.Space, rig.At(62), 1 << 12, Advice.DontNeed, ref rig.Faults);
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOn(new SwapAreaOptions { Slots = 64, Priority = 9 }, out uint other));
        rig.Write(63);
        rig.Machine.Advise(rig.Space, rig.At(63), 1 << 12, Advice.PageOut, ref rig.Faults);
        rig.Settle();
        rig.Machine.ReclaimAll();
        Assert.Equal(1u, rig.Swap.InUse(other));
        rig.Swap.Readahead.PageCluster = 3;
        rig.Machine.Context.Vmas[rig.Vma].SwapReadahead = 0;
        rig.Touch([64]);
        Assert.Equal([61, 63, 64, 65, 66, 67, 68], Enumerable.Range(0, Pages).Where(rig.IsInMemory));
        rig.Sound();
    }

    [Fact]
    public void WillNeed_ReadsJustWhatItNames_AndNothingIsCountedAsReadAhead()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3);
        rig.Machine.Advise(rig.Space, rig.At(40), 4 << 12, Advice.WillNeed, ref rig.Faults);
        Assert.Equal([40, 41, 42, 43], Enumerable.Range(0, Pages).Where(rig.IsInMemory));
        Assert.Equal(0ul, rig.Swap.Readahead.PagesReadAhead);
        rig.Sound();
    }

    [Fact]
    public void SharedMemory_IsReadInBlocksOfSlots()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3, shared: true);
        (long major, ulong read) = rig.Touch(Enumerable.Range(0, Pages));
        Assert.Equal((ulong)Pages, read);
        Assert.InRange(major, 16, 22);
        rig.Sound();
    }

    [Fact]
    public void SwapOff_ReadsAheadAndBringsEverythingBack()
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 3);
        Assert.Equal(SwapResult.Ok, rig.Machine.SwapOff(0));
        Assert.NotEqual(0ul, rig.Swap.Readahead.PagesReadAhead);
        rig.AssertContents();
        rig.Sound();
    }

    [Fact]
    public void AnotherArchitecture_ReadsAheadInPagesOfItsOwn()
    {
        using var rig = new Rig<Sun4v>(pageCluster: 3);
        (long major, ulong read) = rig.Touch(Enumerable.Range(0, Pages));
        Assert.Equal((ulong)Pages, read);
        Assert.InRange(major, 16, 22);
        rig.Sound();
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(32)]
    public void PageCluster_OutOfRange_IsRefused(int value)
    {
        using var rig = new Rig<X64FourLevel>(pageCluster: 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => rig.Machine.PageCluster = value);
    }

    /// <summary>A process whose 128 pages, each filled with its number, are all in swap, in slots of ascending order.</summary>
    private sealed class Rig<TArch> : IDisposable
        where TArch : struct, IArchitecture
    {
        internal FaultCounters Faults;
        private readonly ulong start = 1UL << 32;

        internal Rig(int pageCluster, SwapAreaOptions? area = null, bool shared = false)
        {
            Machine = Machine<TArch, CheckedModel>.Create(
                new MachineImageOptions { RamBytes = 512ul << TArch.PageShift, SwapSlots = 1024, SwapStoreSlots = 1024 });
            Assert.Equal(SwapResult.Ok, Machine.SwapOn(area ?? new SwapAreaOptions { Slots = 512 }, out _));
            Space = Machine.CreateAddressSpace();
            const VmaFlags ReadWrite = VmaFlags.Read | VmaFlags.Write;
            ulong length = (ulong)Pages << TArch.PageShift;
            Assert.Equal(MmResult.Ok, shared ? Machine.MapShared(Space, At(0), length, ReadWrite) : Machine.Map(Space, At(0), length, ReadWrite));
            for (int page = 0; page < Pages; page++)
                Write(page);
            Machine.ReclaimAll();
            Settle();
            Machine.PageCluster = pageCluster;
        }

        internal Machine<TArch, CheckedModel> Machine { get; }

        internal uint Space { get; }

        internal SwapSpace<CheckedModel> Swap => Machine.Context.Swap;

        internal uint Vma => Machine.Context.Vmas.Find(Space, At(64));

        public void Dispose() => Machine.Dispose();

        internal ulong At(int page) => start + ((ulong)page << TArch.PageShift);

        internal void Write(int page) => Assert.Equal(UserAccessResult.Ok, Machine.Write(Space, At(page), [(byte)(page + 1)], ref Faults));

        internal void Settle() => Machine.Settle();

        internal void Fork() => Assert.NotEqual(0u, Machine.Fork(Space));

        internal void Sound()
        {
            Settle();
            Assert.Empty(Machine.Verify());
        }

        internal void AssertContents() => Touch(Enumerable.Range(0, Pages));

        /// <summary>Reads pages; returns the major faults and the pages read from areas.</summary>
        internal (long Major, ulong Read) Touch(IEnumerable<int> pages)
        {
            (long major, ulong read) = (Faults.Major, Swap.PagesRead);
            var loaded = new byte[1];
            foreach (int page in pages)
            {
                Assert.Equal(UserAccessResult.Ok, Machine.Read(Space, At(page), loaded, ref Faults));
                Assert.Equal((byte)(page + 1), loaded[0]);
            }

            return (Faults.Major - major, Swap.PagesRead - read);
        }

        internal bool IsInMemory(int page) => FrameOf(page) != 0;

        internal bool IsReadAhead(int page) => FrameOf(page) is var frame && frame != 0 && Machine.Context.Frames.Has(frame, FrameFlags.Readahead);

        /// <summary>The frame that a page is in, mapped or in the swap cache.</summary>
        private uint FrameOf(int page)
        {
            MmContext<TArch, CheckedModel> mm = Machine.Context;
            uint table = mm.Tables.LeafTable(mm.Spaces[Space].Root, At(page));
            Pte entry = PageTables<TArch, CheckedModel>.Load(ref mm.Tables.Entry(table, At(page)));
            if (TArch.IsNone(entry, 1))
                return 0;
            if (TArch.IsPresent(entry, 1))
                return MmContext<TArch, CheckedModel>.NormalFrame(entry);
            SoftLeaf soft = mm.Decode(entry);
            return mm.Swap.Map[new SwapEntry(soft.Type, soft.Offset)] is { IsCached: true } word ? word.Payload : 0;
        }
    }
}
