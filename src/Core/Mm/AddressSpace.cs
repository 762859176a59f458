using System.Runtime.InteropServices;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// An address space (the kernel's mm_struct): 256 bytes, record of <see cref="MetadataRegion.AddressSpaces"/>. Numbers of other records,
/// 0 = none.
/// </summary>
/// <seealso cref="AccessOutcome"/>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct AddressSpace
{
    /// <summary>Root of the tree of its VMAs. Under the mmap_lock.</summary>
    public uint VmaRoot;

    /// <summary>Number of its VMAs. Under the mmap_lock.</summary>
    public uint VmaCount;

    /// <summary>Not 0 while it lives; a number that no other address space of this machine had before. Changed atomically.</summary>
    public ulong Generation;

    /// <summary>mmap_lock, writer's word of <see cref="Atomics.ReadWriteLock{TModel}"/>.</summary>
    public ulong MmapWriter;

    /// <summary>mmap_lock, readers' word.</summary>
    public ulong MmapReaders;

    /// <summary>Decides between two faults that give one VMA its anon_vma (mm->page_table_lock); inside the anon_vma root's lock.</summary>
    public ulong PageTableLock;

    /// <summary>Frame of the root page table; its maker writes it before anybody else sees the address space.</summary>
    public uint Root;

    /// <summary>The owner's name for it (a process number, say); not interpreted.</summary>
    public uint Id;

    /// <summary>Mapped anonymous pages (MM_ANONPAGES). Changed atomically.</summary>
    public ulong AnonPages;

    /// <summary>Swap entries in the page tables (MM_SWAPENTS). Changed atomically.</summary>
    public ulong SwapEntries;

    /// <summary>Mapped pages of shared objects (MM_SHMEMPAGES). Changed atomically.</summary>
    public ulong SharedPages;

    /// <summary>Next address space on the swapoff list. Under <see cref="MmState.MmListLock"/>.</summary>
    public uint MmListNext;

    /// <summary>Previous address space on the swapoff list. Under <see cref="MmState.MmListLock"/>.</summary>
    public uint MmListPrevious;

    /// <summary>1 while on the swapoff list. Changed under <see cref="MmState.MmListLock"/>, looked at without.</summary>
    public uint OnMmList;

    /// <summary>1 once any page was pinned through it (MMF_HAS_PINNED); never cleared. Changed atomically.</summary>
    public uint HasPinned;

    /// <summary>Odd while fork write-protects its entries (mm->write_protect_seq). Changed atomically.</summary>
    public ulong WriteProtectSequence;

    /// <summary>Lock-free walkers of its page tables; no table is freed under one.</summary>
    public TableReaders FastWalkers;

    /// <summary>Userfaultfd context: 0 while there is none. Under the mmap_lock.</summary>
    public uint UffdContext;

    /// <summary>
    /// Those who keep it from being torn down (mm_users): its process, and swapoff while it works in it. 0 while it is torn down. Changed
    /// atomically.
    /// </summary>
    public uint Users;

    /// <summary>
    /// Its <see cref="KsmSlot"/>, 0 while same-page merging has nothing to do with it (MMF_VM_MERGEABLE). Under the mmap_lock: set by a
    /// writer, cleared by a reader that holds the merger's lock.
    /// </summary>
    public uint KsmSlot;

    /// <summary>
    /// What the userfaultfd context was opened with, <see cref="Userfaults.UserfaultFeatures"/>. Under the mmap_lock, changed by writers.
    /// </summary>
    public uint UffdFeatures;

    /// <summary>
    /// 1 when every VMA that can be is mergeable, new ones too (MMF_VM_MERGE_ANY); a forked child inherits it. Under the mmap_lock: set by a
    /// writer, cleared with <see cref="KsmSlot"/>.
    /// </summary>
    public uint MergesAll;

    /// <summary>The group that its memory is charged to, 0 for none. Changed atomically.</summary>
    public uint Group;
}
