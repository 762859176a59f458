namespace PageTableEmu.Image;

/// <summary>
/// Where everything lies in the metadata image; a function of the options alone, so that an attacher computes it anew and need not believe it.
/// <code>
/// 0     header: pairs of a field and its complement
/// 512   commit lock; one cache line, the rest of it zero
/// 576   commit map of RAM: one bit per area (huge block of frames)
///       commit map of metadata: one bit per chunk of 64 KiB
///       the regions, in the order of MetadataRegion, each on a cache line of its own
/// </code>
/// </summary>
internal sealed class ImageLayout
{
    internal const int HeaderBytes = 512;
    internal const ulong CommitLockOffset = HeaderBytes;
    internal const ulong MapsOffset = HeaderBytes + 64;
    internal const int ChunkShift = 16;
    internal const int RegionCount = (int)MetadataRegion.Processes + 1;

    private readonly Region[] regions = new Region[RegionCount];
    private readonly MachineImageOptions options;
    private ulong end;

    internal ImageLayout(MachineImageOptions options)
    {
        this.options = options;
        Frames = options.RamBytes >> options.PageShift;
        AreaFrames = 1UL << (options.HugeShift - options.PageShift);
        Areas = (Frames + AreaFrames - 1) / AreaFrames;
        ChunkMapOffset = MapsOffset + MapBytes(Areas);
        PlaceRegions(0); // once to learn how long the chunk map has to be
        Chunks = ChunksOf(end);
        while (true)
        {
            PlaceRegions(MapBytes(Chunks));
            ulong needed = ChunksOf(end);
            if (needed <= Chunks)
                break;
            Chunks = needed;
        }

        MetadataBytes = (end + 4095) & ~4095UL;
    }

    internal ulong Frames { get; }

    internal ulong AreaFrames { get; }

    internal ulong Areas { get; }

    /// <summary>Pieces of 64 KiB of the metadata image; the last may be shorter.</summary>
    internal ulong Chunks { get; }

    internal ulong ChunkMapOffset { get; }

    /// <summary>First byte behind header and maps.</summary>
    internal ulong RegionsOffset => regions[0].Offset;

    internal ulong MetadataBytes { get; }

    internal Region this[MetadataRegion region] => regions[(int)region];

    private static ulong ChunksOf(ulong bytes) => (bytes + (1UL << ChunkShift) - 1) >> ChunkShift;

    private static ulong MapBytes(ulong bits) => ((bits + 511) / 512) * 64;

    private void PlaceRegions(ulong chunkMapBytes)
    {
        end = ChunkMapOffset + chunkMapBytes;
        Add(MetadataRegion.Frames, 64, Frames);
        Add(MetadataRegion.FrameAreas, 8, Areas);
        Add(MetadataRegion.FrameBits, 8, (Frames + 63) / 64);
        Add(MetadataRegion.FrameCaches, 64, 64);
        Add(MetadataRegion.PoolHeads, 64, RegionCount);
        Add(MetadataRegion.FrameState, 256, 1);
        Add(MetadataRegion.SwapState, 5120, 1);
        Add(MetadataRegion.SwapAreas, 512, 24);
        Add(MetadataRegion.SwapSlots, 8, options.SwapSlots);
        Add(MetadataRegion.SwapClusters, 64, (options.SwapSlots / 64) + 33);
        Add(MetadataRegion.SwapOverflow, 16, options.SwapOverflows);
        Add(MetadataRegion.SwapStore, 1UL << options.PageShift, options.SwapStoreSlots);
        Add(MetadataRegion.MmState, 1024, 1);
        Add(MetadataRegion.AddressSpaces, 256, options.AddressSpaces);
        Add(MetadataRegion.Vmas, 128, options.Vmas);
        Add(MetadataRegion.AnonVmas, 64, options.AnonVmas);
        Add(MetadataRegion.AnonVmaChains, 64, options.AnonVmaChains);
        Add(MetadataRegion.SharedObjects, 128, options.SharedObjects);
        Add(MetadataRegion.SharedIndexBlocks, 512, options.SharedIndexBlocks);
        Add(MetadataRegion.KsmState, 256, 1);
        Add(MetadataRegion.KsmSlots, 64, options.KsmSlots);
        Add(MetadataRegion.KsmItems, 80, options.KsmItems);
        Add(MetadataRegion.KsmNodes, 64, options.KsmNodes);
        Add(MetadataRegion.MemoryGroups, 64, 32);
        Add(MetadataRegion.SwapOwners, 4, options.SwapSlots);
        PlaceTags();
        Add(MetadataRegion.Processes, 64, 64);
    }

    /// <summary>Nothing at all on a machine without per-page metadata.</summary>
    private void PlaceTags()
    {
        ulong bytes = (ulong)options.TagBytesPerPage;
        ulong byAddress = options.AddressTagBuffers;
        Add(MetadataRegion.FrameTags, bytes, bytes == 0 ? 0 : Frames);
        Add(MetadataRegion.SlotTags, 8, bytes == 0 ? 0 : options.SwapSlots);
        Add(MetadataRegion.TagBuffers, bytes, bytes == 0 ? 0 : options.TagBuffers);
        Add(MetadataRegion.AddressTags, 64, byAddress == 0 ? 0 : options.AddressSpaces + 1UL);
        Add(MetadataRegion.AddressTagTables, 8192, byAddress == 0 ? 0 : options.AddressSpaces);
        Add(MetadataRegion.AddressTagBuffers, 1 << ChunkShift, byAddress);
    }

    private void Add(MetadataRegion region, ulong stride, ulong capacity)
    {
        regions[(int)region] = new Region(end, stride, capacity);
        end = (end + (stride * capacity) + 63) & ~63UL;
    }

    /// <summary>Offset of the first record, bytes per record, number of records.</summary>
    internal readonly record struct Region(ulong Offset, ulong Stride, ulong Capacity);
}
