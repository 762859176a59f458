using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// A device that reads and writes memory by itself: it pins the pages of a range, moves data whenever it is told to, past all page tables,
/// and lets the pages go when the transfer completes. O_DIRECT, registered buffers and the like are users of it.
/// </summary>
/// <example>
/// <code>
/// MmResult result = machine.Dma.TryBegin(space, 0x10000, 512, DmaDirection.FromDevice, longTerm: false, out DmaTransfer? transfer, ref faults);
/// // ... the process goes on, reclaim runs ...
/// machine.Dma.Write(transfer!, 0, data);
/// machine.Dma.Complete(transfer!);
/// </code>
/// </example>
public sealed class DmaEngine<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly Gup<TArch, TModel> gup;
    private readonly GupFast<TArch, TModel> fast;

    /// <summary>Makes the engine of a machine.</summary>
    public DmaEngine(MmContext<TArch, TModel> mm, Gup<TArch, TModel> gup)
    {
        this.mm = mm;
        this.gup = gup;
        fast = new GupFast<TArch, TModel>(mm);
    }

    /// <summary>Pins the pages of a range, all or none.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="start">First byte.</param>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="direction">Which way the data will go.</param>
    /// <param name="longTerm">Whether the pins are kept for long (FOLL_LONGTERM), as for registered buffers.</param>
    /// <param name="transfer">The transfer, null unless the result is Ok.</param>
    /// <param name="counters">Whose faults to count.</param>
    /// <returns>Ok; Fault when a page is not mapped with such access; NoMemory.</returns>
    public MmResult TryBegin(
        uint space, ulong start, int length, DmaDirection direction, bool longTerm, out DmaTransfer? transfer, ref FaultCounters counters)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        GupFlags flags = GupFlags.Pin | (direction == DmaDirection.FromDevice ? GupFlags.Write : 0) | (longTerm ? GupFlags.LongTerm : 0);
        mm.Spaces.ThrowIfNotLive(space);
        transfer = null;
        ulong last = start + (uint)length - 1;
        if (last < start)
            return MmResult.Fault; // around the end of all addresses
        ulong first = start >> TArch.PageShift;
        uint[] frames = new uint[(last >> TArch.PageShift) - first + 1];
        int taken = 0;
        while (taken < frames.Length && fast.TryTake(space, (first + (uint)taken) << TArch.PageShift, flags, out frames[taken]))
            taken++; // lock-free as far as the pages are mapped as wanted; from the first that is not on, the slow path takes them all
        for (int i = taken; i < frames.Length; i++)
        {
            MmResult result = gup.TryTake(space, (first + (uint)i) << TArch.PageShift, flags, out frames[i], ref counters);
            if (result == MmResult.Ok)
                continue;
            while (--i >= 0)
                gup.Put(frames[i], flags & ~GupFlags.Write); // nothing was written
            return result;
        }

        transfer = new DmaTransfer(direction, flags, start, length, frames);
        return MmResult.Ok;
    }

    /// <summary>The device stores data into memory, at an offset from the transfer's start.</summary>
    /// <exception cref="InvalidOperationException">The transfer is over, or goes the other way.</exception>
    public void Write(DmaTransfer transfer, int offset, ReadOnlySpan<byte> data)
    {
        Check(transfer, DmaDirection.FromDevice, offset, data.Length);
        while (!data.IsEmpty)
        {
            Span<byte> page = PageAt(transfer, offset);
            int length = Math.Min(page.Length, data.Length);
            SharedBytes<TModel>.Copy(data[..length], page[..length]);
            data = data[length..];
            offset += length;
        }
    }

    /// <summary>The device loads data from memory.</summary>
    /// <exception cref="InvalidOperationException">The transfer is over.</exception>
    public void Read(DmaTransfer transfer, int offset, Span<byte> data)
    {
        Check(transfer, transfer?.Direction ?? DmaDirection.ToDevice, offset, data.Length);
        while (!data.IsEmpty)
        {
            Span<byte> page = PageAt(transfer!, offset);
            int length = Math.Min(page.Length, data.Length);
            SharedBytes<TModel>.Copy(page[..length], data[..length]);
            data = data[length..];
            offset += length;
        }
    }

    /// <summary>Ends the transfer and lets the pages go.</summary>
    /// <param name="transfer">The transfer.</param>
    /// <param name="markDirty">
    /// Whether pages pinned for writing are marked dirty. False only for a device that did so by itself: a registered buffer that is
    /// unregistered, for example, says nothing about dirtiness.
    /// </param>
    /// <exception cref="InvalidOperationException">The transfer is over.</exception>
    public void Complete(DmaTransfer transfer, bool markDirty = true)
    {
        ArgumentNullException.ThrowIfNull(transfer);
        if (transfer.IsOver)
            throw new InvalidOperationException("The transfer is over.");
        GupFlags flags = markDirty ? transfer.Flags : transfer.Flags & ~GupFlags.Write;
        foreach (uint frame in transfer.Frames)
            gup.Put(frame, flags);
        transfer.End();
    }

    private static void Check(DmaTransfer? transfer, DmaDirection direction, int offset, int length)
    {
        ArgumentNullException.ThrowIfNull(transfer);
        if (transfer.IsOver)
            throw new InvalidOperationException("The transfer is over.");
        if (transfer.Direction != direction)
            throw new InvalidOperationException($"The pages are pinned {transfer.Direction}.");
        if (offset < 0 || length > transfer.Length - offset)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), offset, $"{length} bytes there are not inside the {transfer.Length} of the transfer.");
        }
    }

    /// <summary>The rest of the page in which an offset lies.</summary>
    private Span<byte> PageAt(DmaTransfer transfer, int offset)
    {
        ulong address = transfer.Start + (uint)offset;
        int index = (int)((address >> TArch.PageShift) - (transfer.Start >> TArch.PageShift));
        return mm.Frames.Bytes(transfer.Frames[index])[(int)(address & ((1UL << TArch.PageShift) - 1))..];
    }
}
