using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>
/// Memory for providers that keep metadata by virtual address (Linux on SPARC): for each address space a lock and one table, and buffers of
/// <see cref="BufferBytes"/> bytes that the tables point to. What they mean is the provider's.
/// </summary>
/// <remarks>An address space's head and table change under its lock (<see cref="Lock"/>), a buffer as the provider says.</remarks>
/// <example>
/// <code>
/// // Linux's own store, which is kept by address: what it has in use shows what it leaks
/// using var guest = Machine&lt;Sun4vM7&lt;AdiLinux&gt;&gt;.Create(new MachineImageOptions { RamBytes = 64 &lt;&lt; 20 });
/// AddressTagStorage&lt;Mainline&gt; store = guest.Context.Tags.Storage.ByAddress!;
/// Console.WriteLine($"{store.BuffersInUse} buffers of {AddressTagStorage&lt;Mainline&gt;.BufferBytes} bytes");
/// </code>
/// </example>
public sealed class AddressTagStorage<TModel>
    where TModel : IModel
{
    /// <summary>Bytes of a buffer.</summary>
    public const int BufferBytes = 1 << 16;

    private readonly MachineImage image;
    private readonly TagFaults faults;
    private readonly RecordPool<TModel, ulong> tables;
    private readonly RecordPool<TModel, ulong> buffers;

    internal AddressTagStorage(MachineImage image, TagFaults faults)
    {
        this.image = image;
        this.faults = faults;
        tables = new RecordPool<TModel, ulong>(image, MetadataRegion.AddressTagTables);
        buffers = new RecordPool<TModel, ulong>(image, MetadataRegion.AddressTagBuffers);
    }

    /// <summary>Tables and buffers in use: what leaks can be counted by.</summary>
    public uint InUse => tables.InUse + buffers.InUse;

    /// <summary>Buffers in use.</summary>
    public uint BuffersInUse => buffers.InUse;

    /// <summary>Takes the lock of an address space's head; an innermost lock.</summary>
    public void Lock(uint space) => WordLock<TModel>.Acquire(ref Head(space).Lock);

    /// <summary>Gives it back.</summary>
    public void Unlock(uint space) => WordLock<TModel>.Release(ref Head(space).Lock);

    internal ref ulong LockOf(uint space) => ref Head(space).Lock;

    /// <summary>The table of an address space, by number; 0 when it has none.</summary>
    public ref uint TableOf(uint space) => ref Head(space).Table;

    /// <summary>The bytes of a table.</summary>
    public Span<byte> Table(uint number) => Bytes(MetadataRegion.AddressTagTables, number);

    /// <summary>The bytes of a buffer.</summary>
    public Span<byte> Buffer(uint number) => Bytes(MetadataRegion.AddressTagBuffers, number);

    /// <summary>A zeroed table; 0 when the pool is exhausted or the allocation shall fail.</summary>
    public uint TryAllocateTable() => TryAllocate(tables, MetadataRegion.AddressTagTables);

    /// <summary>A zeroed buffer; 0 when the pool is exhausted or the allocation shall fail.</summary>
    public uint TryAllocateBuffer() => TryAllocate(buffers, MetadataRegion.AddressTagBuffers);

    /// <summary>Gives a table back.</summary>
    public void FreeTable(uint number) => Free(tables, MetadataRegion.AddressTagTables, number);

    /// <summary>Gives a buffer back.</summary>
    public void FreeBuffer(uint number) => Free(buffers, MetadataRegion.AddressTagBuffers, number);

    /// <summary>The buffers in use, by number. Meaningful only while nobody works with the machine.</summary>
    public IReadOnlyList<uint> ReadBuffers() => buffers.ReadLive();

    private uint TryAllocate(RecordPool<TModel, ulong> pool, MetadataRegion region)
    {
        if (faults.FailsThisAllocation())
            return 0;
        uint number = pool.TryAllocate();
        if (number != 0)
            Bytes(region, number).Clear();
        return number;
    }

    private void Free(RecordPool<TModel, ulong> pool, MetadataRegion region, uint number)
    {
        Bytes(region, number).Clear();
        pool.Free(number);
    }

    private Span<byte> Bytes(MetadataRegion region, uint number) => number - 1 < image.Capacity(region)
        ? image.RecordBytes(region, number - 1)
        : throw new CorruptImageException(region.ToString(), $"record {number} is outside the pool");

    private ref SpaceHead Head(uint space) => ref image.Record<SpaceHead>(MetadataRegion.AddressTags, space);

    private struct SpaceHead
    {
        public ulong Lock;
        public uint Table;
    }
}
