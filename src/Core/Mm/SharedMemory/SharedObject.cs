using System.Runtime.InteropServices;
using PageTableEmu.Image;

namespace PageTableEmu.Mm.SharedMemory;

/// <summary>
/// Memory that any number of VMAs show, each through its page offset (the kernel's shmem inode with its address_space): 128 bytes, record of
/// <see cref="MetadataRegion.SharedObjects"/>. Numbers of other records, 0 = none.
/// </summary>
/// <remarks>
/// <para><see cref="Lock"/> protects the tree, and the bounds, page offset and age of every VMA in it, as the lock of an anon_vma's root does for
/// anonymous memory. Lock order: mmap_lock → folio lock → this lock → page-table locks.</para>
/// <para>References: one per VMA, one per holder of the number, one per passing swapoff. With the last one the object and its pages go. A locked
/// folio that says it belongs to the object proves that it lives: nobody frees the object before every folio was locked and taken out.</para>
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public struct SharedObject
{
    /// <summary>Lock of the reverse map (i_mmap_rwsem): the owner, 0 when free.</summary>
    public ulong Lock;

    /// <summary>Root of the interval tree of VMAs, ordered by (PageOffset, Age). Under the lock.</summary>
    public uint Tree;

    /// <summary>References, changed atomically; 0 in a free record.</summary>
    public uint References;

    /// <summary>Size in pages; pages behind it do not exist. Changed atomically.</summary>
    public ulong Pages;

    /// <summary>Root of the page index, <c>[ levels : 32 | block : 32 ]</c>; 0 when there is none yet. Changed atomically.</summary>
    public ulong Index;

    /// <summary>Pages that are in swap; raised before a page goes there, lowered after it came back. Changed atomically.</summary>
    public ulong Swapped;

    /// <summary>Next (older) object on the swap list. Under <see cref="MmState.SharedSwapLock"/>.</summary>
    public uint SwapNext;

    /// <summary>Previous (younger) object on the swap list. Under <see cref="MmState.SharedSwapLock"/>.</summary>
    public uint SwapPrevious;

    /// <summary>1 while on the swap list. Under <see cref="MmState.SharedSwapLock"/>.</summary>
    public uint OnSwapList;
}
