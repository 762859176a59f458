using System.Runtime.InteropServices;
using PageTableEmu.Image;
using PageTableEmu.Mm.Userfaults;

namespace PageTableEmu.Mm;

/// <summary>State of memory management as a whole, one record in <see cref="MetadataRegion.MmState"/>. The rest of its 1024 bytes is free.</summary>
[StructLayout(LayoutKind.Sequential, Size = 1024)]
public struct MmState
{
    /// <summary>Lock over the swapoff list (the kernel's mmlist_lock): the owner, 0 when free. Innermost.</summary>
    public ulong MmListLock;

    /// <summary>First address space on the swapoff list, 0 when empty.</summary>
    public uint MmListHead;

    /// <summary>Address spaces on the swapoff list.</summary>
    public uint MmListCount;

    /// <summary>Last <see cref="Vma.Age"/> given out; changed atomically.</summary>
    public ulong AgeCounter;

    /// <summary>Last <see cref="AddressSpace.Generation"/> given out; changed atomically.</summary>
    public ulong AddressSpaceGeneration;

    /// <summary>Lock over the list of shared objects that may have pages in swap (shmem_swaplist_mutex): the owner, 0 when free. Innermost.</summary>
    public ulong SharedSwapLock;

    /// <summary>First (youngest) shared object on that list, 0 when empty.</summary>
    public uint SharedSwapHead;

    /// <summary>What <see cref="Huge.FolioOrders{TArch, TModel}.Global"/> says; changed atomically.</summary>
    public uint FolioOrdersGlobal;

    /// <summary>Four bits for each order: its <see cref="Huge.FolioOrderPolicy"/> plus 1, or 0 while nobody set it; changed atomically.</summary>
    public ulong FolioOrders;

    /// <summary>
    /// One more than what <see cref="Huge.FolioOrders{TArch, TModel}.MaxPtesNone"/> says, or 0 while nobody set it; changed atomically.
    /// </summary>
    public uint MaxPtesNone;

    /// <summary>
    /// Large folios that passes of reclaim were to look at and left to later ones (the nr_deferred of a shrinker); changed atomically.
    /// </summary>
    internal uint PostponedSplits;

    /// <summary>Threads that wait for a userfaultfd.</summary>
    public UserfaultSlots UserfaultSlots;
}
