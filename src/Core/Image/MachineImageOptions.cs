using System.Numerics;

namespace PageTableEmu.Image;

/// <summary>Sizes of a machine, fixed when its images are created.</summary>
/// <seealso cref="Machine{TArch}"/>
public sealed record MachineImageOptions
{
    /// <summary>Smallest RAM of a machine, in bytes.</summary>
    public const ulong MinimumRamBytes = 64 << 10;

    /// <summary>Bytes of guest RAM: a multiple of the page size, at least 64 KiB, below 2^32 pages. Committed only when touched.</summary>
    public required ulong RamBytes { get; init; }

    /// <summary>log2 of the page size, 12 to 16: 12 on x86-64, 13 on sparc64.</summary>
    public int PageShift { get; init; } = 12;

    /// <summary>
    /// log2 of a huge block of frames (2 MiB on x86-64, 8 MiB on sparc64), the unit of contiguous allocation: 64 to 32768 pages.
    /// </summary>
    public int HugeShift { get; init; } = 21;

    /// <summary>Which architecture's entries the page tables hold; attaching with another is an error. 0 when not said.</summary>
    public uint ArchitectureId { get; init; }

    /// <summary>Frames at the start of RAM that the allocator never hands out; at least 1, because frame 0 stands for none.</summary>
    public uint ReservedFrames { get; init; } = 1;

    /// <summary>Slots of all swap areas together.</summary>
    public uint SwapSlots { get; init; } = 4096;

    /// <summary>Slots of all in-memory swap areas together: their content lies in the metadata image.</summary>
    public uint SwapStoreSlots { get; init; } = 4096;

    /// <summary>Slots per cluster: a power of two, 64 to 512. 512 on x86-64, 256 on sparc64.</summary>
    public int SwapClusterSlots { get; init; } = 512;

    /// <summary>Slots whose count may be beyond the slot word at the same time.</summary>
    public uint SwapOverflows { get; init; } = 1024;

    /// <summary>Address spaces that may live at the same time.</summary>
    public uint AddressSpaces { get; init; } = 256;

    /// <summary>VMAs that may live at the same time, all address spaces together.</summary>
    public uint Vmas { get; init; } = 131072;

    /// <summary>Reverse-map roots that may live at the same time.</summary>
    public uint AnonVmas { get; init; } = 65536;

    /// <summary>Links between VMAs and reverse-map roots that may live at the same time.</summary>
    public uint AnonVmaChains { get; init; } = 262144;

    /// <summary>Shared memory objects that may live at the same time.</summary>
    public uint SharedObjects { get; init; } = 4096;

    /// <summary>
    /// Blocks of 64 words for the page indexes of all shared memory objects together; an object of n pages in memory needs n/64 and a few.
    /// </summary>
    public uint SharedIndexBlocks { get; init; } = 32768;

    /// <summary>
    /// Address spaces that same-page merging may look at, those included that ended since the last scan and still have
    /// <see cref="KsmItems"/>.
    /// </summary>
    public uint KsmSlots { get; init; } = 512;

    /// <summary>Pages that same-page merging may keep in mind at the same time; further ones are not merged.</summary>
    public uint KsmItems { get; init; } = 262144;

    /// <summary>Merged pages that may live at the same time.</summary>
    public uint KsmNodes { get; init; } = 65536;

    /// <summary>
    /// Bytes of metadata (tags) that belong to each page, 0 on an architecture that has none: a multiple of 8, at most 4096. Follows from the
    /// architecture.
    /// </summary>
    public int TagBytesPerPage { get; init; }

    /// <summary>Swapped-out pages whose metadata may be kept at the same time. Takes no room where pages have no metadata.</summary>
    public uint TagBuffers { get; init; } = 4096;

    /// <summary>
    /// Buffers of 64 KiB for metadata that is kept by virtual address, as Linux keeps that of SPARC; 0 where it is not. A machine whose
    /// architecture keeps it so gets 512 when this is not set.
    /// </summary>
    public uint AddressTagBuffers { get; init; }

    /// <summary>Throws unless the sizes make a machine.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Names the first size that is wrong, with its value and limit.</exception>
    internal void Validate()
    {
        Within(PageShift, 12, 16, nameof(PageShift));
        Within(HugeShift, PageShift + 6, PageShift + 15, nameof(HugeShift));
        ulong page = 1UL << PageShift;
        ArgumentOutOfRangeException.ThrowIfLessThan(RamBytes, MinimumRamBytes, nameof(RamBytes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RamBytes, uint.MaxValue * page, nameof(RamBytes));
        if (RamBytes % page != 0)
            throw new ArgumentOutOfRangeException(nameof(RamBytes), RamBytes, $"RAM must be a whole number of pages of {page} bytes.");
        ArgumentOutOfRangeException.ThrowIfLessThan(ReservedFrames, 1u, nameof(ReservedFrames));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual<ulong>(ReservedFrames, RamBytes / page, nameof(ReservedFrames));
        Within(TagBytesPerPage, 0, 4096, nameof(TagBytesPerPage));
        if (TagBytesPerPage % 8 != 0)
            throw new ArgumentOutOfRangeException(nameof(TagBytesPerPage), TagBytesPerPage, "Metadata of a page is a multiple of 8 bytes.");
        Within(SwapClusterSlots, 64, 512, nameof(SwapClusterSlots));
        if (!BitOperations.IsPow2(SwapClusterSlots))
            throw new ArgumentOutOfRangeException(nameof(SwapClusterSlots), SwapClusterSlots, "A cluster has a power of two of slots.");
    }

    private static void Within(int value, int least, int most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }
}
