using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageTableEmu.Atomics;

namespace PageTableEmu.Image;

/// <summary>
/// A lock-free pool of records of one kind in the metadata image. Record numbers start at 1; 0 means none.
/// </summary>
/// <remarks>
/// Free records form a stack whose head word carries a tag that grows with every change: <c>[ tag : 32 | first free : 32 ]</c>, so that a
/// compare-exchange cannot succeed on a head that went away and came back. The link to the next free record is the record's first word.
/// Records never handed out before are taken from the high-water mark, in ascending order, and storage is committed before the mark moves.
/// A free record has no mark of its own: every byte but the link is zero, as every byte of a record is when it is handed out. Who is free
/// is known from the list alone (<see cref="ReadFree"/>).
/// </remarks>
public sealed class RecordPool<TModel, T>
    where TModel : IModel
    where T : unmanaged
{
    private readonly MachineImage image;
    private readonly MetadataRegion region;
    private readonly uint capacity;

    /// <summary>Makes a view of the pool that lies in a region.</summary>
    public RecordPool(MachineImage image, MetadataRegion region)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image.Stride(region) < (ulong)Unsafe.SizeOf<T>() || Unsafe.SizeOf<T>() < sizeof(uint))
            throw new ArgumentException($"{typeof(T).Name} has {Unsafe.SizeOf<T>()} bytes, a record of {region} 4 to {image.Stride(region)}.", nameof(region));
        this.image = image;
        this.region = region;
        capacity = checked((uint)image.Capacity(region));
    }

    /// <summary>Records in use.</summary>
    public uint InUse => (uint)Atomic<TModel>.Load(ref Head.InUse);

    /// <summary>Most records that were ever in use at the same time: record numbers above have never been handed out.</summary>
    public uint HighWater => (uint)Atomic<TModel>.Load(ref Head.HighWater);

    /// <summary>Most records that may live at the same time.</summary>
    public uint Capacity => capacity;

    private ref PoolHead Head => ref image.Record<PoolHead>(MetadataRegion.PoolHeads, (ulong)region);

    /// <summary>A record. Which of its fields may be touched when, the record's own documentation says.</summary>
    /// <exception cref="CorruptImageException">The number is 0 or beyond the pool.</exception>
    public ref T this[uint number]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if (number - 1 >= capacity)
                ThrowOutside(number);
            return ref image.Record<T>(region, number - 1);
        }
    }

    /// <summary>Hands out a zeroed record; 0 when the pool is exhausted or the image cannot grow.</summary>
    public uint TryAllocate()
    {
        uint number = Pop();
        if (number == 0)
            number = Extend();
        if (number == 0)
            return 0;
        this[number] = default;
        Atomic<TModel>.Add(ref Head.InUse, 1);
        return number;
    }

    /// <summary>Gives a record back. Nobody may hold its number any more.</summary>
    public void Free(uint number)
    {
        ref uint link = ref Unsafe.As<T, uint>(ref this[number]);
        this[number] = default;
        Atomic<TModel>.Add(ref Head.InUse, -1);
        ulong head = Atomic<TModel>.Load(ref Head.Free);
        while (true)
        {
            Atomic<TModel>.Store(ref link, (uint)head);
            ulong was = Atomic<TModel>.CompareExchange(ref Head.Free, Next(head, number), head);
            if (was == head)
                return;
            head = was;
        }
    }

    /// <summary>The free list, from its top. Meaningful only while nobody allocates or frees.</summary>
    /// <exception cref="CorruptImageException">The list leaves the pool, has a cycle, or holds a record that was never handed out.</exception>
    public IReadOnlyList<uint> ReadFree()
    {
        var free = new List<uint>();
        uint high = CheckedHighWater();
        var seen = new HashSet<uint>();
        for (uint number = (uint)Atomic<TModel>.Load(ref Head.Free); number != 0; number = Atomic<TModel>.Load(ref Unsafe.As<T, uint>(ref this[number])))
        {
            if (number > high)
                throw new CorruptImageException(region.ToString(), $"free list holds record {number}, and only {high} were ever handed out");
            if (!seen.Add(number))
                throw new CorruptImageException(region.ToString(), $"free list comes back to record {number}");
            free.Add(number);
        }

        return free;
    }

    /// <summary>
    /// The records that live, ascending, after checking that they and the free ones are all there are. Meaningful only while nobody allocates or frees.
    /// </summary>
    /// <exception cref="CorruptImageException">The free list is damaged, or the count of records in use is not what it leaves.</exception>
    public IReadOnlyList<uint> ReadLive()
    {
        var free = new HashSet<uint>(ReadFree());
        uint high = CheckedHighWater();
        if (high - free.Count != InUse)
            throw new CorruptImageException(region.ToString(), $"{InUse} records in use, but {high} handed out and {free.Count} free");
        var live = new List<uint>();
        for (uint number = 1; number <= high; number++)
        {
            if (!free.Contains(number))
                live.Add(number);
        }

        return live;
    }

    private uint CheckedHighWater()
    {
        ulong high = Atomic<TModel>.Load(ref Head.HighWater);
        return high <= capacity
            ? (uint)high
            : throw new CorruptImageException(region.ToString(), $"high-water mark {high} is above the capacity {capacity}");
    }

    private static ulong Next(ulong head, uint first) => (((head >> 32) + 1) << 32) | first;

    private uint Pop()
    {
        ulong head = Atomic<TModel>.Load(ref Head.Free);
        while ((uint)head != 0)
        {
            uint first = (uint)head;
            uint next = Atomic<TModel>.Load(ref Unsafe.As<T, uint>(ref this[first]));
            ulong was = Atomic<TModel>.CompareExchange(ref Head.Free, Next(head, next), head);
            if (was == head)
                return first;
            head = was;
        }

        return 0;
    }

    private uint Extend()
    {
        ulong high = Atomic<TModel>.Load(ref Head.HighWater);
        while (high < capacity)
        {
            if (!image.TryCommit(region, high))
                return 0;
            ulong was = Atomic<TModel>.CompareExchange(ref Head.HighWater, high + 1, high);
            if (was == high)
                return (uint)(high + 1);
            high = was;
        }

        return 0;
    }

    private void ThrowOutside(uint number) =>
        throw new CorruptImageException(region.ToString(), $"record {number} is outside 1..{capacity}");

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct PoolHead
    {
        public ulong Free;
        public ulong HighWater;
        public ulong InUse;
    }
}
