using System.Runtime.CompilerServices;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>Moves contents between folios and slots (mm/page_io.c): zero-filled pages without I/O, writes that complete later, events.</summary>
/// <remarks>
/// A write keeps this order: the folio, locked, is made clean; then its content is taken; so whoever changes it later makes it dirty
/// again after that. An asynchronous write sets Writeback before it unlocks; its completion first stores what went wrong and clears
/// Writeback last, because from then on the folio can leave the cache and be freed.
/// </remarks>
internal sealed partial class SwapTransfer<TModel>
    where TModel : IModel
{
    private readonly SwapAreas<TModel> areas;
    private readonly SwapMap<TModel> map;
    private readonly SwapCache<TModel> cache;
    private readonly SwapDevices<TModel> devices;
    private readonly SwapWriteQueue<TModel> queue;
    private readonly FrameTable<TModel> frames;
    private readonly LruLists<TModel> lists;

    internal SwapTransfer(
        SwapAreas<TModel> areas, SwapMap<TModel> map, SwapCache<TModel> cache, SwapDevices<TModel> devices, Folios<TModel> folios)
    {
        this.areas = areas;
        this.map = map;
        this.cache = cache;
        this.devices = devices;
        frames = folios.Table;
        lists = folios.Lru;
        queue = new SwapWriteQueue<TModel>(areas);
    }

    /// <summary>Reads a slot into a locked folio (swap_read_folio).</summary>
    internal SwapResult Read(SwapEntry entry, uint frame)
    {
        frames.AssertLocked(frame);
        if (Unsafe.IsNullRef(ref areas.Slot(entry)))
            return SwapResult.Invalid;
        if (map[entry].IsZero)
        {
            SharedBytes<TModel>.Clear(frames.Bytes(frame));
            frames.Set(frame, FrameFlags.Uptodate);
            return SwapResult.Ok;
        }

        SwapResult result = ReadFromDevice(entry, frame);
        frames.Set(frame, result == SwapResult.Ok ? FrameFlags.Uptodate : FrameFlags.ReadError);
        return result;
    }

    /// <summary>Reads neighbouring slots into a locked large folio; only all of it is up to date.</summary>
    internal SwapResult ReadLarge(SwapEntry first, uint head)
    {
        frames.AssertLocked(head);
        SwapResult result = SwapResult.Ok;
        for (uint page = 0; page < frames.PagesOf(head) && result == SwapResult.Ok; page++)
        {
            var entry = new SwapEntry(first.Type, first.Offset + page);
            if (Unsafe.IsNullRef(ref areas.Slot(entry)))
                return SwapResult.Invalid;
            if (map[entry].IsZero)
                SharedBytes<TModel>.Clear(frames.Bytes(head + page));
            else
                result = ReadFromDevice(entry, head + page);
        }

        frames.Set(head, result == SwapResult.Ok ? FrameFlags.Uptodate : FrameFlags.ReadError);
        return result;
    }

    /// <summary>Writes a locked folio to its slot (swap_writeout).</summary>
    internal SwapWrite Write(uint frame)
    {
        AssertWritable(frame);
        if (cache.TryFreeSlot(frame))
            return SwapWrite.SlotFreed;
        if (areas.TagEvents is not null && !TryKeepTags(frame, 1))
            return SwapWrite.Failed;
        var entry = new SwapEntry(frames[frame].Swap);
        frames.Clear(frame, FrameFlags.Dirty);
        bool zero = SharedBytes<TModel>.IsZero(frames.Bytes(frame));
        map.MarkZero(entry, frame, zero);
        if (zero)
            return SwapWrite.Done;
        Atomic<TModel>.Add(ref areas.State.PagesWritten, 1);
        if (SwapAreas<TModel>.Has(ref areas[entry.Type], SwapAreaFlags.Synchronous))
            return Transfer(frame) ? SwapWrite.Done : SwapWrite.Failed;
        frames.Set(frame, FrameFlags.Writeback);
        while (!queue.TryEnqueue(frame))
            Complete(1);
        frames.Unlock(frame);
        return SwapWrite.UnderWay;
    }

    /// <summary>
    /// Writes a locked large folio to its slots. Only content that is zero in all pages is left out; a zero page among others is written.
    /// </summary>
    internal SwapWrite WriteLarge(uint head)
    {
        AssertWritable(head);
        if (cache.TryFreeSlot(head))
            return SwapWrite.SlotFreed;
        if (areas.TagEvents is not null && !TryKeepTags(head, frames.PagesOf(head)))
            return SwapWrite.Failed;
        frames.Clear(head, FrameFlags.Dirty);
        uint end = head + frames.PagesOf(head);
        bool zero = true;
        for (uint frame = head; frame < end && zero; frame++)
            zero = SharedBytes<TModel>.IsZero(frames.Bytes(frame));
        for (uint frame = head; frame < end; frame++)
            map.MarkZero(new SwapEntry(frames[frame].Swap), frame, zero);
        if (zero)
            return SwapWrite.Done;
        Atomic<TModel>.Add(ref areas.State.PagesWritten, frames.PagesOf(head));
        bool written = true;
        for (uint frame = head; frame < end && written; frame++)
            written = Transfer(frame);
        return written ? SwapWrite.Done : SwapWrite.Failed;
    }

    /// <summary>Completes pending writes, oldest first.</summary>
    internal int Complete(int limit)
    {
        int completed = 0;
        while (completed < limit)
        {
            uint frame = queue.TryDequeue();
            if (frame == 0)
                break;
            Transfer(frame);
            if ((frames.Clear(frame, FrameFlags.Reclaim) & FrameFlags.Reclaim) != 0)
                lists.Rotate(frame);
            frames.Clear(frame, FrameFlags.Writeback);
            completed++;
        }

        return completed;
    }

    /// <summary>Returns when a folio is not under writeback: completes what lies before it and its own write, or waits for who does.</summary>
    internal void Wait(uint frame)
    {
        while (frames.Has(frame, FrameFlags.Writeback))
        {
            if (Complete(1) == 0)
                TModel.WaitUntil(ref frames[frame].Flags, (ulong)FrameFlags.Writeback, 0);
        }
    }

    /// <summary>What a slot holds for a reader who comes later, without counting as a read.</summary>
    internal SwapResult Peek(SwapEntry entry, Span<byte> destination)
    {
        if (Unsafe.IsNullRef(ref areas.Slot(entry)))
            return SwapResult.Invalid;
        if (map[entry].IsZero)
        {
            destination.Clear();
            return SwapResult.Ok;
        }

        return devices.TryPeek(entry, destination) ? SwapResult.Ok : SwapResult.Error;
    }

    private SwapResult ReadFromDevice(SwapEntry entry, uint frame)
    {
        Atomic<TModel>.Add(ref areas.State.PagesRead, 1);
        if (devices.TryRead(entry, frames.Bytes(frame)))
            return SwapResult.Ok;
        Atomic<TModel>.Add(ref areas.State.ReadErrors, 1);
        return SwapResult.Error;
    }

    /// <summary>
    /// The metadata goes first (arch_prepare_to_swap). Without room for it the folio is dirty again, as the caller may have cleaned it, and
    /// stays in the cache: nothing is lost.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryKeepTags(uint frame, uint pages)
    {
        if (areas.TagEvents!.TryPrepareToSwap(frame, pages))
            return true;
        frames.Set(frame, FrameFlags.Dirty);
        return false;
    }

    private bool Transfer(uint frame)
    {
        if (devices.TryWrite(new SwapEntry(frames[frame].Swap), frames.Bytes(frame)))
            return true;
        Atomic<TModel>.Add(ref areas.State.WriteErrors, 1);
        frames.Set(frame, FrameFlags.Dirty);
        return false;
    }

    private void AssertWritable(uint frame)
    {
        if (!TModel.Checked)
            return;
        frames.AssertLocked(frame);
        FrameFlags flags = frames.Flags(frame);
        if ((flags & FrameFlags.SwapCache) == 0 || (flags & FrameFlags.Writeback) != 0)
            throw new InvalidOperationException($"Frame {frame} cannot be written to swap: its flags are {flags}.");
    }
}
