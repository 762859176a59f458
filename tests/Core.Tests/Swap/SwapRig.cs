using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Swap;

/// <summary>Counts above 2 overflow.</summary>
public readonly struct LimitTwo : IModel
{
    static bool IModel.Checked => true;

    static uint IModel.SlotCountLimit => 2;
}

/// <summary>Counts above 3 overflow.</summary>
public readonly struct LimitThree : IModel
{
    static bool IModel.Checked => true;

    static uint IModel.SlotCountLimit => 3;
}

/// <summary>A small machine with a swap floor, and the steps that tests take on it.</summary>
internal sealed class SwapRig<TModel> : IDisposable
    where TModel : IModel
{
    public SwapRig(uint slots = 4096, uint overflows = 8, int cluster = 512, ulong frames = 256)
    {
        Image = MachineImage.CreatePrivate(new MachineImageOptions
        {
            RamBytes = frames * 4096,
            SwapSlots = slots,
            SwapStoreSlots = slots,
            SwapClusterSlots = cluster,
            SwapOverflows = overflows,
        });
        Folios = new Folios<TModel>(Image);
        Swap = new SwapSpace<TModel>(Image, Folios);
    }

    public MachineImage Image { get; }

    public Folios<TModel> Folios { get; }

    public FrameTable<TModel> Frames => Folios.Table;

    public SwapSpace<TModel> Swap { get; }

    public uint On(SwapAreaOptions options)
    {
        Assert.Equal(SwapResult.Ok, Swap.SwapOn(options, out uint type));
        return type;
    }

    /// <summary>A locked frame filled with one byte, dirty, with one reference.</summary>
    public uint NewLocked(byte content = 0xA5)
    {
        uint frame = Folios.TryAllocate();
        Assert.NotEqual(0U, frame);
        Frames.Lock(frame);
        Frames.Bytes(frame).Fill(content);
        Frames.Set(frame, FrameFlags.SwapBacked | FrameFlags.Uptodate | FrameFlags.Dirty);
        return frame;
    }

    /// <summary>Allocates a slot for a new locked folio.</summary>
    public (uint Frame, SwapEntry Entry) Bind(byte content = 0xA5)
    {
        uint frame = NewLocked(content);
        Assert.Equal(SwapResult.Ok, Swap.TryAllocate(frame, out SwapEntry entry));
        return (frame, entry);
    }

    public void Release(uint frame)
    {
        Frames.Unlock(frame);
        Folios.Put(frame);
    }

    /// <summary>A slot in use without a folio, with the given count.</summary>
    public SwapEntry Used(uint count, byte content = 0xA5)
    {
        (uint frame, SwapEntry entry) = Bind(content);
        for (uint i = 0; i < count; i++)
            Assert.Equal(SwapResult.Ok, Swap.TryDuplicate(entry));
        Assert.Equal(SwapWrite.Done, Swap.Write(frame));
        Swap.RemoveFromCache(frame);
        Release(frame);
        return entry;
    }

    /// <summary>Takes a slot without a folio.</summary>
    public ulong Take()
    {
        Assert.Equal(SwapResult.Ok, Swap.TryReserve(out SwapEntry entry));
        return entry.Offset;
    }

    public ulong[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Take())];

    public SwapEntry[] TakeEntries(int count)
    {
        var entries = new SwapEntry[count];
        for (int i = 0; i < count; i++)
            Assert.Equal(SwapResult.Ok, Swap.TryReserve(out entries[i]));
        return entries;
    }

    /// <summary>Takes slots until there is none; returns how many there were.</summary>
    public int Drain()
    {
        int count = 0;
        while (Swap.TryReserve(out _) == SwapResult.Ok)
            count++;
        return count;
    }

    public void Free(ulong offset, uint type = 0) => Swap.UnpinSlot(new SwapEntry(type, offset));

    /// <summary>Nothing at all is wrong.</summary>
    public void AssertSound() => Assert.Empty(new SwapVerifier<TModel>(Swap, Folios).Verify());

    /// <summary>Nothing is wrong but that slots are pinned.</summary>
    public void AssertConsistent() =>
        Assert.DoesNotContain(new SwapVerifier<TModel>(Swap, Folios).Verify(), line => !line.Contains("pinned", StringComparison.Ordinal));

    public void Dispose() => Image.Dispose();
}
