namespace PageTableEmu.Image;

/// <summary>
/// The state of a small machine in private memory, which is brought back many times: all of the metadata, and of RAM the frames that the user
/// says were written.
/// </summary>
/// <remarks>Nobody may use the machine while it is copied or brought back.</remarks>
/// <example>
/// <code>
/// var snapshot = new ImageSnapshot(machine.Image);
/// snapshot.Take();
/// machine.Write(process, address, "other"u8, ref faults);
/// snapshot.RestoreAll(); // the store never was
/// </code>
/// </example>
public sealed class ImageSnapshot
{
    private readonly MachineImage image;
    private readonly byte[] ram;
    private readonly byte[] metadata;
    private readonly nuint ramStart;
    private readonly nuint ramEnd;
    private readonly nuint metadataStart;
    private readonly nuint metadataEnd;

    /// <summary>Copies a machine.</summary>
    /// <exception cref="InvalidOperationException">The machine is shared: others would change it meanwhile.</exception>
    public ImageSnapshot(MachineImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        this.image = image;
        ram = new byte[image.Options.RamBytes];
        metadata = new byte[image.MetadataBytes];
        ramStart = image.RamAddress;
        ramEnd = ramStart + (nuint)ram.Length;
        metadataStart = image.MetadataAddress;
        metadataEnd = metadataStart + (nuint)metadata.Length;
        Take();
    }

    /// <summary>Frames of RAM.</summary>
    public uint Frames => image.FrameCount;

    /// <summary>Copies the machine's state of now over the one taken before.</summary>
    public void Take() => image.CopyTo(ram, metadata);

    /// <summary>Brings back everything.</summary>
    public void RestoreAll() => image.RestoreFrom(ram, metadata);

    /// <summary>Brings back the metadata.</summary>
    public void RestoreMetadata() => metadata.CopyTo(image.MetadataSpan);

    /// <summary>Brings back the content of a frame.</summary>
    public void RestoreFrame(uint frame)
    {
        int start = (int)(frame << image.PageShift);
        ram.AsSpan(start, image.PageSize).CopyTo(image.RamBytes[start..]);
    }

    /// <summary>Whether the machine is byte for byte as it was when the copy was taken.</summary>
    public bool Matches() => image.RamBytes.SequenceEqual(ram) && image.MetadataSpan.SequenceEqual(metadata);

    /// <summary>The frame that an address of this process lies in; false for one outside RAM.</summary>
    public bool TryFrameAt(nuint address, out uint frame)
    {
        bool inside = address >= ramStart && address < ramEnd;
        frame = inside ? (uint)((address - ramStart) >> image.PageShift) : 0;
        return inside;
    }

    /// <summary>
    /// What an address of this process is in every process: its offset in RAM, or 2^40 and its offset in the metadata image. False outside both.
    /// </summary>
    public bool TryOffsetOf(nuint address, out ulong offset)
    {
        bool inRam = address >= ramStart && address < ramEnd;
        bool inMetadata = address >= metadataStart && address < metadataEnd;
        offset = inRam ? address - ramStart : (1UL << 40) + (address - metadataStart);
        return inRam || inMetadata;
    }
}
