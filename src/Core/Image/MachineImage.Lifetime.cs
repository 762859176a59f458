using PageTableEmu.Platform;

namespace PageTableEmu.Image;

/// <content>Creating, attaching, detaching, deleting, copying.</content>
public sealed unsafe partial class MachineImage
{
    private readonly SharedMemory ramMemory;
    private readonly SharedMemory metadataMemory;
    private readonly ImageLocation? location;
    private ulong processRecord = ulong.MaxValue;
    private bool detached;

    private MachineImage(
        MachineImageOptions options, ImageLayout layout, SharedMemory ramMemory, SharedMemory metadataMemory, ImageLocation? location)
    {
        Options = options;
        FrameCount = (uint)layout.Frames;
        this.layout = layout;
        this.ramMemory = ramMemory;
        this.metadataMemory = metadataMemory;
        this.location = location;

        // Safe: the callers checked that the mappings are as long as the layout says.
        ram = (byte*)ramMemory.Address;
        metadata = (byte*)metadataMemory.Address;
        frameRecords = (FrameRecord*)(metadata + layout[MetadataRegion.Frames].Offset);
        areaMap = new CommitMap(ramMemory, Options.HugeShift, layout.Areas, metadataMemory, ImageLayout.MapsOffset);
        chunkMap = new CommitMap(metadataMemory, ImageLayout.ChunkShift, layout.Chunks, metadataMemory, layout.ChunkMapOffset);
        for (MetadataRegion region = 0; (int)region < ImageLayout.RegionCount; region++)
        {
            ImageLayout.Region place = layout[region];
            regions[(int)region] = new RegionView
            {
                Offset = place.Offset,
                Stride = place.Stride,
                Capacity = place.Capacity,
                Limit = metadataMemory.AlwaysBacked ? place.Capacity : 0,
            };
        }

        slotWords = (ulong*)(metadata + layout[MetadataRegion.SwapSlots].Offset);
        slotLimit = regions[(int)MetadataRegion.SwapSlots].Limit;
    }

    /// <summary>Where the images are; null for private memory.</summary>
    public ImageLocation? Location => location;

    /// <summary>The processes that have the image attached, or died without detaching. Empty for private memory.</summary>
    public IReadOnlyList<AttachedProcess> Processes => ProcessRegistry.List(this);

    /// <summary>Creates a machine in private memory of this process.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    /// <exception cref="ImageStorageException">The system has no such amount of address space.</exception>
    public static MachineImage CreatePrivate(MachineImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var layout = new ImageLayout(options);
        SharedMemory metadata = HostPlatform.Current.Reserve(layout.MetadataBytes);
        SharedMemory? ram = null;
        try
        {
            ram = HostPlatform.Current.Reserve(options.RamBytes);
            var image = new MachineImage(options, layout, ram, metadata, null);
            image.Initialise();
            return image;
        }
        catch
        {
            ram?.Dispose();
            metadata.Dispose();
            throw;
        }
    }

    /// <summary>Creates the two images of a shared machine and attaches to them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    /// <exception cref="ImageStorageException">An image exists, or cannot be made; nothing is left behind.</exception>
    public static MachineImage Create(ImageLocation location, MachineImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(location);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var layout = new ImageLayout(options);
        SharedMemory metadata = location.Create(location.Metadata, layout.MetadataBytes);
        SharedMemory? ram = null;
        try
        {
            ram = location.Create(location.Ram, options.RamBytes);
            var image = new MachineImage(options, layout, ram, metadata, location);
            image.Initialise();
            image.processRecord = ProcessRegistry.Enter(image);
            return image;
        }
        catch
        {
            if (ram is not null)
            {
                ram.Dispose();
                location.Delete(location.Ram);
            }

            metadata.Dispose();
            location.Delete(location.Metadata);
            throw;
        }
    }

    /// <summary>Attaches to the images of a shared machine that exists.</summary>
    /// <exception cref="CorruptImageException">The images are truncated, foreign, damaged, of another version or architecture, or no
    /// pair.</exception>
    /// <exception cref="ImageStorageException">An image does not exist or cannot be mapped.</exception>
    /// <exception cref="InvalidOperationException">Too many processes are attached.</exception>
    public static MachineImage Attach(ImageLocation location, AttachOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(location);
        options ??= new AttachOptions();
        SharedMemory metadata = location.Open(location.Metadata);
        SharedMemory? ram = null;
        try
        {
            ImageHeader header = ReadHeader(metadata);
            var layout = new ImageLayout(header.Options);
            CheckLength("MetadataImage", metadata, layout.MetadataBytes);
            if (options.ArchitectureId != 0 && options.ArchitectureId != header.Options.ArchitectureId)
            {
                throw new CorruptImageException(
                    nameof(AttachOptions.ArchitectureId),
                    $"the image is of architecture {header.Options.ArchitectureId}, not {options.ArchitectureId}");
            }

            ram = location.Open(location.Ram);
            CheckLength("RamImage", ram, header.Options.RamBytes);
            var image = new MachineImage(header.Options, layout, ram, metadata, location);
            image.CheckPair(header, options.AcceptCopiedRam);
            image.processRecord = ProcessRegistry.Enter(image);
            return image;
        }
        catch
        {
            ram?.Dispose();
            metadata.Dispose();
            throw;
        }
    }

    /// <summary>Removes the images of a shared machine; returns whether there were any. Processes that are attached keep theirs.</summary>
    /// <exception cref="ImageStorageException">The system refused.</exception>
    public static bool Delete(ImageLocation location)
    {
        ArgumentNullException.ThrowIfNull(location);
        return location.Delete(location.Metadata) | location.Delete(location.Ram);
    }

    /// <summary>Copies both images out, to be brought back by <see cref="RestoreFrom"/>. For small machines in private memory.</summary>
    /// <param name="ramCopy">As long as RAM.</param>
    /// <param name="metadataCopy"><see cref="MetadataBytes"/> long.</param>
    /// <exception cref="InvalidOperationException">The machine is shared: others would change it meanwhile.</exception>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void CopyTo(Span<byte> ramCopy, Span<byte> metadataCopy)
    {
        CheckCopy(ramCopy.Length, metadataCopy.Length);

        // Safe: the lengths are those of the mappings, and all of both has storage.
        new ReadOnlySpan<byte>(ram, ramCopy.Length).CopyTo(ramCopy);
        new ReadOnlySpan<byte>(metadata, metadataCopy.Length).CopyTo(metadataCopy);
    }

    /// <summary>Brings back what <see cref="CopyTo"/> copied from this machine or from one with the same options.</summary>
    /// <inheritdoc cref="CopyTo" path="/exception"/>
    public void RestoreFrom(ReadOnlySpan<byte> ramCopy, ReadOnlySpan<byte> metadataCopy)
    {
        CheckCopy(ramCopy.Length, metadataCopy.Length);

        // Safe: as in CopyTo.
        ramCopy.CopyTo(new Span<byte>(ram, ramCopy.Length));
        metadataCopy.CopyTo(new Span<byte>(metadata, metadataCopy.Length));
    }

    /// <summary>Detaches: the images stay (private memory goes). Nothing of the image may be used any more.</summary>
    public void Dispose()
    {
        if (detached)
            return;
        if (processRecord != ulong.MaxValue)
            ProcessRegistry.Leave(this, processRecord);
        detached = true;
        areaMap.Detach();
        chunkMap.Detach();
        for (int region = 0; region < ImageLayout.RegionCount; region++)
            regions[region].Limit = 0;
        frameLimit = 1;
        viewFrames = 0;
        slotLimit = 0;
        wordLimit = 0;
        knownAreas = 0;
        ramMemory.Dispose();
        metadataMemory.Dispose();
    }

    private static ImageHeader ReadHeader(SharedMemory metadata)
    {
        Span<byte> bytes = stackalloc byte[ImageLayout.HeaderBytes];
        if (!metadata.TryRead(0, bytes))
            throw new CorruptImageException("MetadataImage", $"truncated to {metadata.Length} bytes, the header alone has {ImageLayout.HeaderBytes}");
        return ImageHeader.Read(bytes);
    }

    private static void CheckLength(string field, SharedMemory memory, ulong needed)
    {
        if (memory.Length < needed)
            throw new CorruptImageException(field, $"truncated: {memory.Length} bytes, the header says {needed}");
        if (memory.Length - needed >= 65536) // a section of Windows is a whole number of allocation units
            throw new CorruptImageException(field, $"too long: {memory.Length} bytes, the header says {needed}");
    }

    private void CheckPair(ImageHeader header, bool acceptCopied)
    {
        if (!metadataMemory.AlwaysBacked && !chunkMap.IsCommitted(0))
            throw new CorruptImageException("CommitMap", "the chunk that holds the header is not marked as committed");
        LearnAreas();
        if (header.RamIdentity == ramMemory.Identity)
            return;
        if (!acceptCopied)
        {
            throw new CorruptImageException(
                nameof(ImageHeader.RamIdentity), $"the metadata belongs to RAM image {header.RamIdentity}, this is {ramMemory.Identity}; "
                    + $"{nameof(AttachOptions.AcceptCopiedRam)} of {nameof(AttachOptions)} takes copies of a pair");
        }

        WriteHeader();
    }

    /// <summary>Commits what every machine needs from the start, and writes the header last: it makes the images valid.</summary>
    private void Initialise()
    {
        ulong bootstrap = (layout.RegionsOffset + (1UL << ImageLayout.ChunkShift) - 1) >> ImageLayout.ChunkShift;
        if (!metadataMemory.TryCommit(0, Math.Min(bootstrap << ImageLayout.ChunkShift, layout.MetadataBytes)))
            ThrowFull();
        for (ulong chunk = 0; chunk < bootstrap; chunk++)
            chunkMap.MarkCommitted(chunk);
        ReadOnlySpan<MetadataRegion> always =
        [
            MetadataRegion.FrameCaches, MetadataRegion.PoolHeads, MetadataRegion.FrameState, MetadataRegion.SwapState, MetadataRegion.SwapAreas,
            MetadataRegion.MmState, MetadataRegion.KsmState, MetadataRegion.Processes,
        ];
        foreach (MetadataRegion region in always)
        {
            if (!TryCommitRecords(region, 0, regions[(int)region].Capacity - 1))
                ThrowFull();
        }

        LearnAreas();
        WriteHeader();
    }

    // Safe: the mapping is longer than the header, and its first chunk is committed.
    private void WriteHeader() =>
        new ImageHeader { Options = Options, RamIdentity = ramMemory.Identity }.Write(new Span<byte>(metadata, ImageLayout.HeaderBytes));

    private void ThrowFull() =>
        throw new ImageStorageException(ImageStorageFailure.Full, location?.Metadata ?? "private memory",
            "no storage for the header and the fixed records");

    private void CheckCopy(int ramLength, int metadataLength)
    {
        ObjectDisposedException.ThrowIf(detached, this);
        if (location is not null)
            throw new InvalidOperationException("Only a machine in private memory can be copied as a whole.");
        if ((ulong)ramLength != Options.RamBytes || (ulong)metadataLength != layout.MetadataBytes)
            throw new ArgumentException(
                $"The copies must have {Options.RamBytes} and {layout.MetadataBytes} bytes, not {ramLength} and {metadataLength}.");
        for (ulong chunk = 0; chunk < chunkMap.Granules; chunk++)
        {
            if (!chunkMap.TryCommit(chunk))
                ThrowFull();
        }

        if (!TryCommitRam(0, Options.RamBytes))
            ThrowFull();
    }
}
