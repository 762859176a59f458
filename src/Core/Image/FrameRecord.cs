using System.Runtime.InteropServices;

namespace PageTableEmu.Image;

/// <summary>
/// What is known of one frame: 64 bytes, one cache line.
/// <code>
///  byte  0 RefCount   4 MapCount    8 Flags      16 Lock
///       24 Mapping   32 Index      40 Swap      48 LruNext  52 LruPrevious  56 Count  60 Birth
/// </code>
/// </summary>
/// <remarks>
/// RefCount, MapCount, Flags and Lock are changed by atomic operations only. Mapping, Index and Swap belong to the holder of
/// <see cref="Lock"/> (or to the only reference of a new frame); the LRU links and a page's Count to the holder of
/// the LRU lock.
/// In a page-table frame Lock is the page-table lock, Mapping the address space, Index the first address that the table covers, Swap its
/// level and Count its number of non-empty entries. A level-2 table heads in LruNext the list of the level-1 tables that were set aside for
/// its huge leaves; they are linked by their own LruNext, under the level-2 table's lock.
/// <para>Of a large folio the first frame's record stands for all (<see cref="FrameFlags.Tail"/>); every frame has its own MapCount (entries of
/// level 1), Index and Swap. What is counted of the folio as a whole lies in the LRU links of its second and third frame:
/// <see cref="LargeFolios{TModel}"/>.</para>
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 64)]
public struct FrameRecord
{
    /// <summary>References; the frame is freed when the last goes. A pin counts 1024 (FOLL_PIN bias).</summary>
    public uint RefCount;

    /// <summary>Page-table entries that map the frame.</summary>
    public uint MapCount;

    /// <summary>State bits: <see cref="FrameFlags"/>.</summary>
    public ulong Flags;

    /// <summary>Folio lock, or page-table lock of a table: the owner, 0 when free.</summary>
    public ulong Lock;

    /// <summary>
    /// Anonymous: index of the reverse-map root; if merged by KSM, index of its node, 0 when it has none. Shared memory: the object. Table:
    /// index of the address space. Else 0.
    /// </summary>
    public ulong Mapping;

    /// <summary>
    /// Anonymous: linear page index (the kernel's folio->index). Shared memory: page of the object. Table: first virtual address covered; root
    /// table: generation of the tree.
    /// </summary>
    public ulong Index;

    /// <summary>Swap entry that the frame is bound to in the swap cache, 0 when none. Table: its level.</summary>
    public ulong Swap;

    /// <summary>Next (younger) frame on the LRU list, 0 at the end.</summary>
    public uint LruNext;

    /// <summary>Previous (older) frame on the LRU list, 0 at the end.</summary>
    public uint LruPrevious;

    /// <summary>Anonymous: number of locked VMAs that count the frame (mlock_count). Table: number of non-empty entries.</summary>
    public uint Count;

    /// <summary>
    /// Allocation epoch in which the frame was handed out; or, with the highest bit set, the batch of mlock in which it was last unlocked.
    /// </summary>
    public uint Birth;
}
