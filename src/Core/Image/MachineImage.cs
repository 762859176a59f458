using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>
/// The two memories of a machine: the RAM image (guest-physical frames and nothing else, offset 0 = physical address 0) and the metadata
/// image (everything else). Both hold offsets and numbers only, never pointers, so that any process can attach to them.
/// </summary>
public sealed unsafe class MachineImage : IDisposable
{
    private const int RegionCount = (int)MetadataRegion.Processes + 1;

    private readonly byte* ram;
    private readonly byte* metadata;
    private readonly ulong[] offsets = new ulong[RegionCount];
    private readonly ulong[] strides = new ulong[RegionCount];
    private readonly ulong[] capacities = new ulong[RegionCount];

    private MachineImage(MachineImageOptions options)
    {
        Options = options;
        FrameCount = (uint)(options.RamBytes >> options.PageShift);
        ulong end = Layout();
        ram = (byte*)NativeMemory.AllocZeroed((nuint)options.RamBytes);
        metadata = (byte*)NativeMemory.AllocZeroed((nuint)end);
    }

    /// <summary>The sizes the image was created with.</summary>
    public MachineImageOptions Options { get; }

    /// <summary>Number of frames of RAM.</summary>
    public uint FrameCount { get; }

    /// <summary>log2 of the page size.</summary>
    public int PageShift => Options.PageShift;

    /// <summary>Page size in bytes.</summary>
    public int PageSize => 1 << Options.PageShift;

    /// <summary>Creates a machine in private memory of this process.</summary>
    public static MachineImage CreatePrivate(MachineImageOptions options) => new(options);

    /// <summary>A record of a region, by position from 0. The region's element type must be <typeparamref name="T"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref T Record<T>(MetadataRegion region, ulong index)
        where T : unmanaged
    {
        // Safe: index is below the region's capacity and T is no larger than its stride, so the record lies inside the mapping.
        if (index >= capacities[(int)region] || (ulong)sizeof(T) > strides[(int)region])
            ThrowOutside(region, index);
        return ref Unsafe.AsRef<T>(metadata + offsets[(int)region] + (index * strides[(int)region]));
    }

    /// <summary>Number of records of a region.</summary>
    public ulong Capacity(MetadataRegion region) => capacities[(int)region];

    /// <summary>Bytes of some records of a region (contents of in-memory swap slots).</summary>
    public Span<byte> RecordBytes(MetadataRegion region, ulong index)
    {
        if (index >= capacities[(int)region])
            ThrowOutside(region, index);
        // Safe: as in Record.
        return new Span<byte>(metadata + offsets[(int)region] + (index * strides[(int)region]), (int)strides[(int)region]);
    }

    /// <summary>Makes sure that storage backs a record before it is touched; false when the file system is full.</summary>
    public bool TryCommit(MetadataRegion region, ulong index) => index < capacities[(int)region];

    /// <summary>The record of a frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref FrameRecord Frame(uint frame)
    {
        if (frame - 1 >= FrameCount - 1)
            ThrowOutside(MetadataRegion.Frames, frame);
        // Safe: checked above; the frame region has one record per frame.
        return ref Unsafe.AsRef<FrameRecord>(metadata + offsets[(int)MetadataRegion.Frames] + ((ulong)frame * 64));
    }

    /// <summary>The bytes of a frame.</summary>
    public Span<byte> FrameBytes(uint frame)
    {
        if (frame >= FrameCount)
            ThrowOutside(MetadataRegion.Frames, frame);
        return new Span<byte>(ram + ((ulong)frame << PageShift), PageSize); // safe: inside the RAM mapping
    }

    /// <summary>An aligned 64-bit word of RAM: a page-table entry.</summary>
    /// <exception cref="CorruptImageException">The address is outside RAM: some table entry is damaged.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref ulong RamWord(ulong physicalAddress)
    {
        if (physicalAddress >= Options.RamBytes)
            ThrowOutside(MetadataRegion.Frames, physicalAddress >> PageShift);
        return ref Unsafe.AsRef<ulong>(ram + physicalAddress); // safe: inside the RAM mapping, which is a whole number of pages
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(ram);
        NativeMemory.Free(metadata);
    }

    private ulong Layout()
    {
        ulong end = 4096;
        void Add(MetadataRegion region, ulong stride, ulong capacity)
        {
            offsets[(int)region] = end;
            strides[(int)region] = stride;
            capacities[(int)region] = capacity;
            end = (end + (stride * capacity) + 4095) & ~4095UL;
        }

        ulong frames = FrameCount;
        ulong huge = 1UL << (Options.HugeShift - Options.PageShift);
        Add(MetadataRegion.Frames, 64, frames);
        Add(MetadataRegion.FrameAreas, 8, (frames + huge - 1) / huge);
        Add(MetadataRegion.FrameBits, 8, (frames + 63) / 64);
        Add(MetadataRegion.FrameCaches, 1024, 64);
        Add(MetadataRegion.PoolHeads, 64, RegionCount);
        Add(MetadataRegion.FrameState, 256, 1);
        Add(MetadataRegion.SwapState, 8192, 1);
        Add(MetadataRegion.SwapAreas, 2048, 32);
        Add(MetadataRegion.SwapSlots, 8, Options.SwapSlots);
        Add(MetadataRegion.SwapClusters, 64, (Options.SwapSlots / 64) + 33);
        Add(MetadataRegion.SwapOverflow, 16, Options.SwapOverflows);
        Add(MetadataRegion.SwapStore, 1UL << PageShift, Options.SwapStoreSlots);
        Add(MetadataRegion.MmState, 1024, 1);
        Add(MetadataRegion.AddressSpaces, 256, Options.AddressSpaces);
        Add(MetadataRegion.Vmas, 128, Options.Vmas);
        Add(MetadataRegion.AnonVmas, 64, Options.AnonVmas);
        Add(MetadataRegion.AnonVmaChains, 64, Options.AnonVmaChains);
        Add(MetadataRegion.Processes, 64, 64);
        return end;
    }

    private static void ThrowOutside(MetadataRegion region, ulong index) =>
        throw new CorruptImageException(region.ToString(), $"record {index} lies outside the image");
}
