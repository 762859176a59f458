using System.Runtime.InteropServices;
using PageTableEmu.Image;
using PageTableEmu.Image.Trees;

namespace PageTableEmu.Mm;

/// <summary>
/// A range of virtual addresses with one set of properties (the kernel's vm_area_struct): 128 bytes, record of
/// <see cref="MetadataRegion.Vmas"/>. Numbers of other records, 0 = none.
/// </summary>
/// <remarks>
/// <para>Changed by the holder of the address space's mmap_lock for writing. <see cref="Start"/>, <see cref="End"/>,
/// <see cref="PageOffset"/>, <see cref="Age"/> and the chain of a VMA that has one change under the lock of its anon_vma's root as well,
/// because a reverse-map walker reads them under that lock alone. So a reader needs one of the two locks.</para>
/// <para><see cref="AnonVma"/> goes from 0 to a number under the mmap_lock for reading too, see <see cref="Vmas{TModel}.TryPrepareAnonVma"/>:
/// faults look at it by <see cref="Vmas{TModel}.AnonVmaOf"/>.</para>
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public struct Vma
{
    /// <summary>Place in the tree of its address space, ordered by <see cref="Start"/>.</summary>
    public TreeLinks Tree;

    /// <summary>First byte address, a multiple of the page size.</summary>
    public ulong Start;

    /// <summary>First byte address behind it, a multiple of the page size.</summary>
    public ulong End;

    /// <summary>Linear page index of its first page (vm_pgoff): in the shared object, or its first address in pages when it was mapped.</summary>
    public ulong PageOffset;

    /// <summary>
    /// Grows with every (re)insertion into the reverse map, machine-wide. Of VMAs with equal <see cref="PageOffset"/> a walker meets the
    /// one that was inserted first, first; as in the kernel, where equal keys of the interval tree stay in order of insertion.
    /// </summary>
    public ulong Age;

    /// <summary>Properties.</summary>
    public VmaFlags Flags;

    /// <summary>The address space it belongs to.</summary>
    public uint AddressSpace;

    /// <summary>The <see cref="Mm.AnonVma"/> that new anonymous pages get; not 0 exactly when <see cref="ChainLength"/> is not 0.</summary>
    public uint AnonVma;

    /// <summary>First (oldest) of its <see cref="AnonVmaChain"/> links: every anon_vma a page in this VMA may belong to.</summary>
    public uint Chain;

    /// <summary>Last (newest) of its links.</summary>
    public uint ChainTail;

    /// <summary>Number of its links.</summary>
    public uint ChainLength;

    /// <summary>Shared memory object that backs it, 0 when private.</summary>
    public uint SharedObject;

    /// <summary>Userfaultfd context that it is registered with.</summary>
    public uint Uffd;

    /// <summary>
    /// Place in the interval tree of <see cref="SharedObject"/>. Under that object's lock, as are the bounds, page offset and age of a VMA that
    /// has one.
    /// </summary>
    public TreeLinks SharedTree;

    /// <summary>
    /// Where the last swap-in was, how much it read ahead and how much of that was used (swap_readahead_info); see
    /// <see cref="Readahead.VmaReadahead"/>. Changed by faults, under the mmap_lock for reading: the last one wins.
    /// </summary>
    public ulong SwapReadahead;
}
