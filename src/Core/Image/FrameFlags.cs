namespace PageTableEmu.Image;

/// <summary>
/// State bits of a frame, in <see cref="FrameRecord.Flags"/>. The names are those of Linux's page flags (include/linux/page-flags.h).
/// </summary>
[Flags]
public enum FrameFlags : ulong
{
    /// <summary>No bit.</summary>
    None = 0,

    /// <summary>Never handed out: frame 0, and what the creator of the machine kept for itself.</summary>
    Reserved = 1 << 0,

    /// <summary>Holds a page table.</summary>
    Table = 1 << 1,

    /// <summary>Content is valid (PG_uptodate).</summary>
    Uptodate = 1 << 2,

    /// <summary>Content is newer than the backing slot (PG_dirty).</summary>
    Dirty = 1 << 3,

    /// <summary>Backed by swap; cleared by MADV_FREE (PG_swapbacked).</summary>
    SwapBacked = 1 << 4,

    /// <summary>Bound to the slot in <see cref="FrameRecord.Swap"/> (PG_swapcache).</summary>
    SwapCache = 1 << 5,

    /// <summary>Being written to its slot (PG_writeback).</summary>
    Writeback = 1 << 6,

    /// <summary>Anonymous memory: <see cref="FrameRecord.Mapping"/> is a reverse-map root.</summary>
    Anon = 1 << 7,

    /// <summary>Belongs to one page-table entry alone (PG_anon_exclusive). Changed under that entry's page-table lock.</summary>
    AnonExclusive = 1 << 8,

    /// <summary>Merged by KSM.</summary>
    Ksm = 1 << 9,

    /// <summary>On one of the LRU lists (PG_lru).</summary>
    Lru = 1 << 10,

    /// <summary>In use: on an active list, or to go there (PG_active).</summary>
    Active = 1 << 11,

    /// <summary>Referenced since it was last looked at (PG_referenced).</summary>
    Referenced = 1 << 12,

    /// <summary>Kept out of reclaim (PG_unevictable).</summary>
    Unevictable = 1 << 13,

    /// <summary>Mapped by a locked VMA (PG_mlocked).</summary>
    Mlocked = 1 << 14,

    /// <summary>To be rotated to the reclaim end of the LRU when its write is done (PG_reclaim).</summary>
    Reclaim = 1 << 15,

    /// <summary>
    /// Read ahead of need and not used since (PG_readahead). As in the kernel the same bit: a page that is read is not being written.
    /// </summary>
    Readahead = Reclaim,

    /// <summary>Content could not be read from its slot.</summary>
    ReadError = 1 << 16,

    /// <summary>In the hands of the frame allocator (PG_buddy). Set and cleared by it alone; a frame never handed out may lack it.</summary>
    Free = 1 << 17,

    /// <summary>
    /// A page of a shared object: <see cref="FrameRecord.Mapping"/> is the object, <see cref="FrameRecord.Index"/> the page of it, and the object
    /// holds one reference. Changed with the folio locked; never together with <see cref="Anon"/>.
    /// </summary>
    SharedMemory = 1 << 18,

    /// <summary>
    /// The three bits of the LRU list (<see cref="LruKind"/>) that the frame is on while it is on one. The kernel tells it from the other flags,
    /// which may therefore change off the lists only; here it is noted, under the lists' lock.
    /// </summary>
    LruKindMask = 7UL << 32,

    /// <summary>
    /// An isolated folio that reclaim found mapped by a locked VMA: it is counted as locked once when it is back on a list (the kernel's batch of
    /// mlock, which is worked off after that).
    /// </summary>
    MlockPending = 1 << 29,

    /// <summary>
    /// A hardware memory error struck the frame (PG_hwpoison): its content is not to be used. Whoever reported the error holds a reference, so that
    /// the frame is never handed out again.
    /// </summary>
    HwPoison = 1 << 20,

    /// <summary>First frame of a large folio (PG_head).</summary>
    Large = 1 << 24,

    /// <summary>
    /// One of the other frames of a large folio: references, lock and all flags but <see cref="AnonExclusive"/> are those of the first frame of
    /// its block. Never seen in what <see cref="FrameTable{TModel}.Flags"/> returns.
    /// </summary>
    Tail = 1 << 25,

    /// <summary>
    /// Handed out for a long-term pin, from frames that stay where they are (a page block that is not movable). Goes back to those.
    /// </summary>
    Unmovable = 1 << 27,

    /// <summary>Some page of the large folio lost its last mapping while others are mapped (PG_partially_mapped).</summary>
    PartiallyMapped = 1 << 26,

    /// <summary>
    /// Four bits in every frame of a large folio: log2 of its number of frames, which is also what its first frame is aligned to. 0 of a single
    /// frame. Changed only while nobody can reach the folio.
    /// </summary>
    OrderMask = 15UL << 40,

    /// <summary>The group that the folio is charged to, a number: <see cref="MemoryGroups{TModel}.OwnerOf"/>.</summary>
    Owner = 0xFFUL << 56,

    /// <summary>
    /// What <see cref="MetadataRegion.FrameTags"/> holds for the frame is the page's own metadata, and not left over from an earlier life
    /// (PG_mte_tagged). Of every frame of a large folio its own. A frame is handed out without it; meaningless while the frame is free.
    /// </summary>
    TagsValid = 1 << 28,
}
