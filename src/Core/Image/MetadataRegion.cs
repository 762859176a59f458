namespace PageTableEmu.Image;

/// <summary>The arrays of records that make up the metadata image, in the order in which they lie in it.</summary>
/// <seealso cref="LruListTable"/>
public enum MetadataRegion
{
    /// <summary>One <see cref="FrameRecord"/> per frame.</summary>
    Frames,

    /// <summary>Frame allocator: one word per area of frames.</summary>
    FrameAreas,

    /// <summary>Frame allocator: one bit per frame.</summary>
    FrameBits,

    /// <summary>Frame allocator: per-processor caches.</summary>
    FrameCaches,

    /// <summary>One head per <see cref="RecordPool{TModel, T}"/>.</summary>
    PoolHeads,

    /// <summary>State of the frames as a whole: LRU list, zero frame, allocation epoch.</summary>
    FrameState,

    /// <summary>State of the swap floor as a whole.</summary>
    SwapState,

    /// <summary>Swap areas.</summary>
    SwapAreas,

    /// <summary>Swap map: one word per slot, all areas one after the other.</summary>
    SwapSlots,

    /// <summary>Clusters of swap slots.</summary>
    SwapClusters,

    /// <summary>Swap counts beyond what a slot word holds.</summary>
    SwapOverflow,

    /// <summary>Contents of in-memory swap areas: one page per slot.</summary>
    SwapStore,

    /// <summary>State of memory management as a whole.</summary>
    MmState,

    /// <summary>Address spaces.</summary>
    AddressSpaces,

    /// <summary>Virtual memory areas.</summary>
    Vmas,

    /// <summary>Reverse-map roots (anon_vma).</summary>
    AnonVmas,

    /// <summary>Links between VMAs and reverse-map roots (anon_vma_chain).</summary>
    AnonVmaChains,

    /// <summary>Shared memory objects.</summary>
    SharedObjects,

    /// <summary>Blocks of the page indexes of shared memory objects.</summary>
    SharedIndexBlocks,

    /// <summary>State of same-page merging as a whole.</summary>
    KsmState,

    /// <summary>Address spaces that same-page merging looks at.</summary>
    KsmSlots,

    /// <summary>Pages that same-page merging has looked at (rmap_item).</summary>
    KsmItems,

    /// <summary>Merged pages (stable_node).</summary>
    KsmNodes,

    /// <summary>Groups of address spaces with limits on their memory.</summary>
    MemoryGroups,

    /// <summary>By slot of the swap map: the group that it is charged to.</summary>
    SwapOwners,

    /// <summary>Per-page metadata of frames, one record per frame; empty on architectures that have none.</summary>
    FrameTags,

    /// <summary>Per slot of the swap map, the record of <see cref="TagBuffers"/> that holds the metadata of the page in it; 0 when none.</summary>
    SlotTags,

    /// <summary>Per-page metadata of pages that are swapped out.</summary>
    TagBuffers,

    /// <summary>Metadata that is kept by address: one head per address space.</summary>
    AddressTags,

    /// <summary>Metadata that is kept by address: tables of address ranges, one for each address space that ever saved any.</summary>
    AddressTagTables,

    /// <summary>Metadata that is kept by address: buffers of 64 KiB.</summary>
    AddressTagBuffers,

    /// <summary>Processes that are attached.</summary>
    Processes,
}
