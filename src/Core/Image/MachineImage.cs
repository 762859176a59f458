using System.Numerics;
using System.Runtime.CompilerServices;
using PageTableEmu.Platform;

namespace PageTableEmu.Image;

/// <summary>
/// The two memories of a machine: the RAM image (guest-physical frames and nothing else, offset 0 = physical address 0) and the metadata
/// image (everything else). Both hold offsets and numbers only, never pointers, so that any process can attach to them.
/// </summary>
/// <remarks>
/// <para>Bounds. Every number that comes out of an image is compared with a limit before it becomes an address: a damaged or hostile image
/// gives <see cref="CorruptImageException"/> and never an access outside the mappings.</para>
/// <para>Storage. An image is address space until it is touched, and nothing is touched before the file system has promised storage
/// (<see cref="CommitMap"/>): RAM and the records of its frames by area (huge block), as the frame allocator reaches it; other regions in
/// chunks of 64 KiB. The limits that accesses are compared with are this process's knowledge of how far that has come, so that the one
/// comparison on the hot path checks both. Behind it, a record of a region is committed on demand; a frame that the allocator has not
/// reached yet is an error. Memory that the system backs by itself (private memory on POSIX) counts as committed.</para>
/// <para>Disposing detaches; no view of the image may be used after that or while it happens.</para>
/// </remarks>
/// <seealso cref="ImageSnapshot"/>
public sealed unsafe partial class MachineImage : IDisposable
{
    // Safe for all uses below: the mappings live until Dispose, which also sets every limit to nothing.
    private readonly byte* ram;
    private readonly byte* metadata;
    private readonly FrameRecord* frameRecords;
    private readonly ulong* slotWords;
    private RegionViews regions; // in the object itself: a region that is a constant is then found without a load
    private readonly ImageLayout layout;
    private readonly CommitMap areaMap;
    private readonly CommitMap chunkMap;
    private uint frameLimit = 1; // frames below have storage; 1 and not 0, because frame 0 is never asked for
    private ulong viewFrames; // frameLimit - 1, as views want it
    private ulong slotLimit; // limit of the region of swap slots
    private ulong wordLimit; // 64-bit words of RAM below have storage
    private ulong knownAreas; // areas below have storage

    /// <summary>The sizes the image was created with.</summary>
    public MachineImageOptions Options { get; }

    /// <summary>Number of frames of RAM.</summary>
    public uint FrameCount { get; }

    /// <summary>log2 of the page size.</summary>
    public int PageShift => Options.PageShift;

    /// <summary>Page size in bytes.</summary>
    public int PageSize => 1 << Options.PageShift;

    /// <summary>Bytes of the metadata image.</summary>
    public ulong MetadataBytes => layout.MetadataBytes;

    /// <summary>Frames of an area: a huge block, the unit in which storage is committed and contiguous frames are handed out.</summary>
    public uint AreaFrames => (uint)layout.AreaFrames;

    /// <summary>Areas of RAM; the last may be shorter than the others.</summary>
    public uint AreaCount => (uint)layout.Areas;

    /// <summary>
    /// One more than the highest frame with storage. Frames from here on were never handed out; those below may have gaps
    /// (<see cref="HasStorage"/>). Equal to <see cref="FrameCount"/> in memory that needs no committing.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The image is not attached any more.</exception>
    public uint CommittedFrames => (uint)Math.Min(areaMap.End() * layout.AreaFrames, FrameCount);

    /// <summary>A record of a region, by position from 0. The region's element type must be <typeparamref name="T"/>.</summary>
    /// <exception cref="CorruptImageException">The position is beyond the region: some number in the image is damaged.</exception>
    /// <exception cref="ImageStorageException">The record was not committed (<see cref="TryCommit"/>) and storage is full.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Record<T>(MetadataRegion region, ulong index)
        where T : unmanaged
    {
        ref RegionView view = ref regions[(int)region];
        if (index >= view.Limit || (ulong)sizeof(T) > view.Stride)
            Reach(region, index, (ulong)sizeof(T));

        // Safe: index is below the region's capacity and T is no larger than its stride, so the record lies inside the mapping.
        return ref Unsafe.AsRef<T>(metadata + view.Offset + (index * view.Stride));
    }

    /// <summary>The word of a swap slot, by position among those of all areas: <see cref="Record"/>, for the hottest region of all.</summary>
    /// <inheritdoc cref="Record" path="/exception"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref ulong SlotWord(ulong index)
    {
        if (index >= slotLimit)
            Reach(MetadataRegion.SwapSlots, index, sizeof(ulong));

        // Safe: the region has one word for each position below the limit.
        return ref Unsafe.AsRef<ulong>(slotWords + index);
    }

    /// <summary>
    /// A record of a region that this process knows to have storage; a null reference otherwise. Without a call, so that what a caller holds in
    /// registers stays there; who gets nothing asks <see cref="Record"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref T QuickRecord<T>(MetadataRegion region, ulong index)
        where T : unmanaged
    {
        ref RegionView view = ref regions[(int)region];
        return ref index < view.Limit && (ulong)sizeof(T) <= view.Stride
            ? ref Unsafe.AsRef<T>(metadata + view.Offset + (index * view.Stride)) // safe: as in Record
            : ref Unsafe.NullRef<T>();
    }

    /// <summary>
    /// Slots below it have storage, as far as this process knows: it grows, and is 0 when the image is not attached any more.
    /// </summary>
    internal ulong SlotWordLimit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => slotLimit;
    }

    /// <summary>Address of the first record of a region. Records that have storage may be used there while the image is attached.</summary>
    internal nuint FixedRecords(MetadataRegion region) => (nuint)(metadata + layout[region].Offset);

    /// <summary>Number of records of a region.</summary>
    public ulong Capacity(MetadataRegion region) => regions[(int)region].Capacity;

    /// <summary>Bytes of a record of a region.</summary>
    public ulong Stride(MetadataRegion region) => regions[(int)region].Stride;

    /// <summary>Bytes of one record of a region (contents of in-memory swap slots).</summary>
    /// <inheritdoc cref="Record" path="/exception"/>
    public Span<byte> RecordBytes(MetadataRegion region, ulong index)
    {
        ref RegionView view = ref regions[(int)region];
        if (index >= view.Limit)
            Reach(region, index, 1);
        return new Span<byte>(metadata + view.Offset + (index * view.Stride), (int)view.Stride); // safe: as in Record
    }

    /// <summary>
    /// Makes sure that storage backs a record before it is touched; false when the file system is full, or for a position beyond the region.
    /// One comparison when this process knows already.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryCommit(MetadataRegion region, ulong index) => index < regions[(int)region].Limit || TryCommitRecord(region, index);

    /// <summary>Makes sure that storage backs a range of RAM, and its frame records; false when the file system is full.</summary>
    /// <remarks>For those who put something into RAM without the allocator: firmware, a captured memory, reserved frames.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The range is not inside RAM.</exception>
    /// <exception cref="ObjectDisposedException">The image is not attached any more.</exception>
    public bool TryCommitRam(ulong physicalAddress, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(physicalAddress, Options.RamBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Options.RamBytes - physicalAddress);
        for (ulong area = physicalAddress >> Options.HugeShift; area << Options.HugeShift < physicalAddress + length; area++)
        {
            if (!TryCommitArea((uint)area))
                return false;
        }

        return true;
    }

    /// <summary>Whether storage backs a frame and its record.</summary>
    /// <exception cref="ObjectDisposedException">The image is not attached any more.</exception>
    public bool HasStorage(uint frame) => frame < FrameCount && IsAreaCommitted((uint)(frame / layout.AreaFrames));

    /// <summary>The record of a frame.</summary>
    /// <exception cref="CorruptImageException">The number is 0, outside RAM or beyond what the allocator has reached: some number is
    /// damaged.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref FrameRecord Frame(uint frame)
    {
        if (frame - 1 >= frameLimit - 1)
            ReachFrame(frame, 1);

        // Safe: checked above; the frame region has one record per frame.
        return ref Unsafe.AsRef<FrameRecord>(frameRecords + frame);
    }

    /// <summary>The bytes of a frame.</summary>
    /// <exception cref="CorruptImageException">The number is outside RAM or beyond what the allocator has reached.</exception>
    public Span<byte> FrameBytes(uint frame)
    {
        if (frame >= frameLimit || wordLimit == 0)
            ReachFrame(frame, 0);
        return new Span<byte>(ram + ((ulong)frame << PageShift), PageSize); // safe: inside the RAM mapping
    }

    /// <summary>An aligned 64-bit word of RAM: a page-table entry.</summary>
    /// <exception cref="CorruptImageException">The address is outside RAM, beyond what the allocator has reached, or not aligned.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref ulong RamWord(ulong physicalAddress)
    {
        // Rotated, an address that is not a multiple of 8 becomes larger than any limit: one comparison checks bounds and alignment.
        if (BitOperations.RotateRight(physicalAddress, 3) >= wordLimit)
            ReachWord(physicalAddress);
        return ref Unsafe.AsRef<ulong>(ram + physicalAddress); // safe: inside the RAM mapping
    }

    /// <summary>
    /// RAM for one walk. A frame that another process has committed since this one looked last is outside the view; <see cref="RamWord"/> finds it.
    /// </summary>
    // Safe: the view lets only frames below the limit through, and none when the image is detached.
    internal RamView View
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(ram, viewFrames);
    }

    /// <summary>
    /// The record of a frame that a view has, by the frame's first address in RAM and by how much a page is larger than a record (log2): a page
    /// number would be shifted down and up again.
    /// </summary>
    // Safe: the frame region has one record per frame.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref FrameRecord FrameInView(ulong address, int shift) => ref Unsafe.AsRef<FrameRecord>((byte*)frameRecords + (address >> shift));

    /// <summary>The root table of a tree, for walks that have a view of RAM.</summary>
    internal RootView RootOf(uint frame) =>
        HasStorage(frame) ? new RootView(ram + ((ulong)frame << PageShift), (byte*)&frameRecords[frame].Index) : new RootView(null, null);

    /// <summary>The frame in which a word of RAM lies that <see cref="RamWord"/> returned.</summary>
    public uint FrameOf(ref readonly ulong word) =>
        (uint)((nuint)Unsafe.ByteOffset(ref Unsafe.AsRef<byte>(ram), ref Unsafe.As<ulong, byte>(ref Unsafe.AsRef(in word))) >> PageShift);

    internal bool IsAreaCommitted(uint area) => area < knownAreas || areaMap.IsCommitted(area);

    /// <summary>Commits the records, bits and word of an area's frames and then its RAM; the bit of the latter publishes them all.</summary>
    internal bool TryCommitArea(uint area)
    {
        if (!areaMap.IsCommitted(area))
        {
            ulong first = area * layout.AreaFrames;
            ulong last = Math.Min(first + layout.AreaFrames, FrameCount) - 1;
            if (!TryCommitRecords(MetadataRegion.Frames, first, last) || !TryCommitRecords(MetadataRegion.FrameBits, first / 64, last / 64)
                || !TryCommitRecords(MetadataRegion.FrameAreas, area, area)
                || (Capacity(MetadataRegion.FrameTags) != 0 && !TryCommitRecords(MetadataRegion.FrameTags, first, last))
                || !areaMap.TryCommit(area))
            {
                return false;
            }
        }

        LearnAreas();
        return true;
    }

    private static void ThrowOutside(MetadataRegion region, ulong index) =>
        throw new CorruptImageException(region.ToString(), $"record {index} lies outside the image");

    /// <summary>The slow side of an access to a record: commits it, or throws.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Reach(MetadataRegion region, ulong index, ulong size)
    {
        ObjectDisposedException.ThrowIf(detached, this);
        if (index >= regions[(int)region].Capacity || size > regions[(int)region].Stride)
            ThrowOutside(region, index);
        if (!TryCommit(region, index))
            throw new ImageStorageException(ImageStorageFailure.Full, location?.Metadata ?? "private memory",
                $"no storage for record {index} of {region}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReachFrame(uint frame, uint least)
    {
        ObjectDisposedException.ThrowIf(detached, this);
        if (frame < least || frame >= FrameCount)
            ThrowOutside(MetadataRegion.Frames, frame);
        if (!areaMap.IsCommitted(frame / layout.AreaFrames))
            throw new CorruptImageException(nameof(MetadataRegion.Frames), $"frame {frame} has no storage: it was never handed out");
        LearnAreas();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReachWord(ulong physicalAddress)
    {
        ObjectDisposedException.ThrowIf(detached, this);
        if (physicalAddress >= Options.RamBytes)
            throw new CorruptImageException("RamImage", $"physical address 0x{physicalAddress:x} lies outside RAM of 0x{Options.RamBytes:x} bytes");
        if (physicalAddress % 8 != 0)
            throw new CorruptImageException("RamImage", $"physical address 0x{physicalAddress:x} of a table entry is not a multiple of 8");
        ReachFrame((uint)(physicalAddress >> PageShift), 0);
    }

    private bool TryCommitRecord(MetadataRegion region, ulong index) =>
        !detached && index < regions[(int)region].Capacity && TryCommitRecords(region, index, index);

    private bool TryCommitRecords(MetadataRegion region, ulong first, ulong last)
    {
        ref RegionView view = ref regions[(int)region];
        ulong firstChunk = (view.Offset + (first * view.Stride)) >> ImageLayout.ChunkShift;
        ulong lastChunk = (view.Offset + ((last + 1) * view.Stride) - 1) >> ImageLayout.ChunkShift;
        for (ulong chunk = firstChunk; chunk <= lastChunk; chunk++)
        {
            if (!chunkMap.TryCommit(chunk))
                return false;
        }

        LearnRecords(ref view);
        return true;
    }

    /// <summary>
    /// Raises a region's limit over chunks that are committed. Threads may race here: a lower limit than could be is only slower. The number of
    /// chunks a call looks at is bounded, because it may be one of many on the way to a far record.
    /// </summary>
    private void LearnRecords(ref RegionView view)
    {
        ulong limit = view.Limit;
        for (int steps = 0; steps < 64 && limit < view.Capacity; steps++)
        {
            ulong firstChunk = (view.Offset + (limit * view.Stride)) >> ImageLayout.ChunkShift;
            ulong lastChunk = (view.Offset + ((limit + 1) * view.Stride) - 1) >> ImageLayout.ChunkShift;
            if (!chunkMap.IsCommitted(firstChunk) || !chunkMap.IsCommitted(lastChunk))
                break;
            limit = Math.Min(view.Capacity, (((lastChunk + 1) << ImageLayout.ChunkShift) - view.Offset) / view.Stride);
        }

        if (detached)
            return;
        view.Limit = limit;
        slotLimit = regions[(int)MetadataRegion.SwapSlots].Limit;
    }

    private void LearnAreas()
    {
        ulong areas = knownAreas;
        while (areaMap.IsCommitted(areas))
            areas++;
        ulong frames = Math.Min(areas * layout.AreaFrames, FrameCount);
        if (detached || frames == 0)
            return;
        knownAreas = areas;
        frameLimit = (uint)frames;
        viewFrames = frames - 1;
        wordLimit = (frames << PageShift) >> 3;
    }

    [InlineArray(ImageLayout.RegionCount)]
    private struct RegionViews
    {
        private RegionView first;
    }

    private struct RegionView
    {
        public ulong Offset;
        public ulong Stride;
        public ulong Limit; // records below have storage, as far as this process knows
        public ulong Capacity;
    }
}
