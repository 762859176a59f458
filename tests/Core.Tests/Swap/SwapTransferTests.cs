using System.Buffers.Binary;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Reads and writes of areas in memory and in files, pending writes, failures.</summary>
public sealed class SwapTransferTests : IDisposable
{
    private readonly SwapRig<CheckedModel> rig = new(slots: 1200);
    private readonly string directory = Directory.CreateTempSubdirectory("swap").FullName;

    private string SwapPath => Path.Combine(directory, "swapfile");

    public void Dispose()
    {
        rig.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void A_synchronous_area_in_memory_drops_the_content_when_the_slot_is_freed()
    {
        rig.On(SwapAreaOptions.Zram(10));
        SwapEntry entry = rig.Used(1, content: 0x42);
        Assert.Equal((0x42, 1UL, 0UL), (Peek(entry), rig.Swap.PagesWritten, rig.Swap.PagesRead));
        uint frame = rig.NewLocked(0);
        Assert.Equal(SwapResult.Ok, rig.Swap.TryPinSlot(entry));
        Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
        Assert.Equal(0x42, rig.Frames.Bytes(frame)[99]);
        rig.Swap.Put(entry);
        Assert.Equal((1U, 0x42), (rig.Swap.InUse(0), Peek(entry))); // the pin still holds it
        rig.Swap.UnpinSlot(entry);
        Assert.Equal((0U, 0xDB, 1UL), (rig.Swap.InUse(0), Peek(entry), rig.Swap.PagesRead));
    }

    [Fact]
    public void A_page_of_zeros_takes_a_slot_but_no_transfer()
    {
        rig.On(SwapAreaOptions.Zram(10));
        SwapEntry entry = rig.Used(1, content: 0);
        Assert.True(rig.Swap.IsZero(entry));
        Assert.Equal(0, Peek(entry));
        uint frame = rig.NewLocked(0xFF);
        rig.Frames.Clear(frame, FrameFlags.Uptodate);
        Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
        Assert.True(rig.Frames.Has(frame, FrameFlags.Uptodate));
        Assert.True(rig.Frames.Bytes(frame).IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal((0UL, 0UL), (rig.Swap.PagesWritten, rig.Swap.PagesRead));
        rig.Swap.Put(entry);
        Assert.False(rig.Swap.IsZero(entry));
    }

    [Fact]
    public void The_zero_mark_goes_when_the_slot_is_written_again_with_something()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (uint frame, SwapEntry entry) = rig.Bind(content: 0);
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        Assert.Equal(SwapWrite.Done, rig.Swap.Write(frame));
        Assert.True(rig.Swap.IsZero(entry));
        Assert.False(rig.Frames.Has(frame, FrameFlags.Dirty));
        rig.Frames.Bytes(frame)[4095] = 3;
        Assert.Equal(SwapWrite.Done, rig.Swap.Write(frame));
        Assert.False(rig.Swap.IsZero(entry));
        rig.Swap.RemoveFromCache(frame);
        Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
        Assert.Equal(3, rig.Frames.Bytes(frame)[4095]);
    }

    [Fact]
    public void Writing_a_folio_that_no_entry_names_frees_its_slot()
    {
        rig.On(SwapAreaOptions.Zram(10));
        (uint frame, _) = rig.Bind();
        Assert.Equal(SwapWrite.SlotFreed, rig.Swap.Write(frame));
        Assert.True(rig.Frames.Has(frame, FrameFlags.Dirty));
        Assert.Equal((0U, 0UL), (rig.Swap.InUse(0), rig.Swap.PagesWritten));
        rig.AssertSound();
    }

    [Fact]
    public void A_failed_synchronous_write_leaves_the_folio_dirty_and_bound()
    {
        rig.On(SwapAreaOptions.Zram(10));
        rig.Swap.Faults.FailWrite = 2;
        rig.Used(1);
        (uint frame, SwapEntry entry) = rig.Bind();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        Assert.Equal(SwapWrite.Failed, rig.Swap.Write(frame));
        Assert.True(rig.Frames.Has(frame, FrameFlags.Dirty | FrameFlags.SwapCache));
        Assert.Equal((1UL, 2UL), (rig.Swap.WriteErrors, rig.Swap.PagesWritten));
        Assert.Equal(SwapWrite.Done, rig.Swap.Write(frame));
    }

    [Fact]
    public void A_failed_read_marks_the_folio()
    {
        rig.On(SwapAreaOptions.Zram(10));
        SwapEntry entry = rig.Used(1);
        rig.Swap.Faults.FailRead = 1;
        uint frame = rig.NewLocked();
        rig.Frames.Clear(frame, FrameFlags.Uptodate);
        Assert.Equal(SwapResult.Error, rig.Swap.Read(entry, frame));
        Assert.Equal(FrameFlags.ReadError, rig.Frames.Flags(frame) & (FrameFlags.ReadError | FrameFlags.Uptodate));
        Assert.Equal(1UL, rig.Swap.ReadErrors);
        Assert.Equal(SwapResult.Ok, rig.Swap.Read(entry, frame));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_pending_write_is_completed_by_another_view(bool file)
    {
        rig.On(file ? SwapAreaOptions.File(SwapPath, 10) : new SwapAreaOptions { Slots = 10 });
        (uint frame, SwapEntry entry) = rig.Bind(0x37);
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        Assert.Equal(SwapWrite.UnderWay, rig.Swap.Write(frame));
        Assert.True(rig.Frames.TryLock(frame)); // unlocked by the write
        Assert.True(rig.Frames.Has(frame, FrameFlags.Writeback));
        Assert.False(rig.Swap.TryFreeSlot(frame));
        Assert.NotEqual(0x37, Peek(entry));
        rig.AssertSound();
        using var other = new SwapSpace<CheckedModel>(rig.Image, new Folios<CheckedModel>(rig.Image));
        Assert.Equal(1, other.CompleteWrites());
        Assert.Equal(0, rig.Swap.CompleteWrites());
        Assert.False(rig.Frames.Has(frame, FrameFlags.Writeback));
        Assert.Equal(0x37, Peek(entry));
        rig.Swap.RemoveFromCache(frame);
        Assert.Equal(SwapResult.Ok, other.Read(entry, frame));
        Assert.Equal(0x37, rig.Frames.Bytes(frame)[0]);
        Assert.Equal((1UL, 1UL), (rig.Swap.PagesRead, other.PagesWritten));
    }

    [Fact]
    public void A_write_that_fails_later_makes_the_folio_dirty_again()
    {
        rig.On(new SwapAreaOptions { Slots = 10 });
        (uint frame, SwapEntry entry) = rig.Bind();
        Assert.Equal(SwapResult.Ok, rig.Swap.TryDuplicate(entry));
        rig.Swap.Faults.FailWrite = 1;
        Assert.Equal(SwapWrite.UnderWay, rig.Swap.Write(frame));
        Assert.False(rig.Frames.Has(frame, FrameFlags.Dirty));
        rig.Swap.WaitForWriteback(frame);
        Assert.Equal(FrameFlags.Dirty, rig.Frames.Flags(frame) & (FrameFlags.Dirty | FrameFlags.Writeback));
        Assert.Equal(1UL, rig.Swap.WriteErrors);
    }

    [Fact]
    public void More_writes_than_the_queue_holds_complete_the_oldest_first()
    {
        using var big = new SwapRig<CheckedModel>(slots: 1200, frames: 1024);
        big.On(new SwapAreaOptions { Slots = 600 });
        var frames = new List<uint>();
        for (int i = 0; i < 599; i++)
        {
            (uint frame, SwapEntry entry) = big.Bind((byte)(1 + (i % 200)));
            Assert.Equal(SwapResult.Ok, big.Swap.TryDuplicate(entry));
            Assert.Equal(SwapWrite.UnderWay, big.Swap.Write(frame));
            frames.Add(frame);
        }

        int done = frames.TakeWhile(frame => !big.Frames.Has(frame, FrameFlags.Writeback)).Count();
        Assert.InRange(done, 1, 598);
        Assert.All(frames[done..], frame => Assert.True(big.Frames.Has(frame, FrameFlags.Writeback)));
        big.AssertSound();
        Assert.Equal(10, big.Swap.CompleteWrites(10));
        Assert.Equal(599 - done - 10, big.Swap.CompleteWrites());
        foreach ((SwapEntry entry, SwapSlotWord word) in big.Swap.UsedSlots())
        {
            byte[] page = new byte[4096];
            Assert.Equal(SwapResult.Ok, big.Swap.Peek(entry, page));
            Assert.Equal(big.Frames.Bytes(word.Payload)[0], page[4095]);
        }
    }

    [Fact]
    public void A_new_swap_file_has_the_header_of_mkswap_and_goes_with_the_area()
    {
        rig.On(SwapAreaOptions.File(SwapPath, 20) with { BadSlots = [7, 3] });
        byte[] header = new byte[4096];
        using (FileStream stream = new(SwapPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            Assert.Equal(20 * 4096, stream.Length);
            stream.ReadExactly(header);
        }

        Assert.Equal("SWAPSPACE2"u8.ToArray(), header[4086..]);
        uint Word(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(offset));
        Assert.Equal([1U, 19, 2, 3, 7], (uint[])[Word(1024), Word(1028), Word(1032), Word(1536), Word(1540)]);
        Assert.Equal(17, rig.Drain());
        foreach ((SwapEntry entry, _) in rig.Swap.UsedSlots().ToArray())
            rig.Swap.UnpinSlot(entry);
        Off();
        Assert.False(File.Exists(SwapPath));
    }

    [Fact]
    public void A_file_that_was_there_is_kept_and_taken_again()
    {
        File.WriteAllBytes(SwapPath, []);
        rig.On(SwapAreaOptions.File(SwapPath, 20));
        Off();
        Assert.Equal(20 * 4096, new FileInfo(SwapPath).Length);
        Assert.Equal(SwapResult.Invalid, rig.Swap.SwapOn(SwapAreaOptions.File(SwapPath, 21), out _)); // larger than the file
        Assert.Equal(SwapResult.Invalid, rig.Swap.SwapOn(SwapAreaOptions.File(SwapPath, 20) with { BadSlots = [4] }, out _));
        rig.On(SwapAreaOptions.File(SwapPath, 20));
        Off();
        rig.AssertSound();
    }

    [Fact]
    public void A_file_that_is_something_else_is_not_touched()
    {
        byte[] content = [.. Enumerable.Range(0, 20 * 4096).Select(i => (byte)i)];
        File.WriteAllBytes(SwapPath, content);
        Assert.Equal(SwapResult.Invalid, rig.Swap.SwapOn(SwapAreaOptions.File(SwapPath, 20), out _));
        Assert.Equal(content, File.ReadAllBytes(SwapPath));
        Assert.Equal(SwapResult.Error, rig.Swap.SwapOn(SwapAreaOptions.File(Path.Combine(directory, "no", "such"), 20), out _));
        rig.AssertSound();
        Assert.Equal(0U, rig.On(SwapAreaOptions.Zram(1200))); // nothing was left reserved
    }

    [Fact]
    public void A_view_that_comes_later_opens_the_file_of_the_area_that_is_there_now()
    {
        using var other = new SwapSpace<CheckedModel>(rig.Image, new Folios<CheckedModel>(rig.Image));
        foreach (string name in (string[])["a", "b"])
        {
            rig.On(SwapAreaOptions.File(Path.Combine(directory, name), 10) with { Synchronous = true });
            SwapEntry entry = rig.Used(1, (byte)name[0]);
            byte[] page = new byte[4096];
            Assert.Equal(SwapResult.Ok, other.Peek(entry, page));
            Assert.Equal((byte)name[0], page[4095]);
            rig.Swap.Put(entry);
            Off();
        }
    }

    private int Peek(SwapEntry entry)
    {
        byte[] page = new byte[4096];
        Assert.Equal(SwapResult.Ok, rig.Swap.Peek(entry, page));
        return page[100];
    }

    private void Off()
    {
        Assert.Equal(SwapResult.Ok, rig.Swap.BeginSwapOff(0));
        Assert.Equal(SwapResult.Ok, rig.Swap.FinishSwapOff(0));
    }
}
