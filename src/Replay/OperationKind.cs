namespace PageTableEmu.Replay;

/// <summary>
/// Every operation of the script language; the name in a script is the member's name in lower case. The arguments that each one takes
/// stand in its summary: R a region letter, i a first page, n a number of pages, v a byte, s a number of a pin or pipe (0..15).
/// </summary>
/// <seealso cref="Replay.Scripts.ScriptParser"/>
public enum OperationKind
{
    /// <summary>nop: nothing is done, the machine is only observed.</summary>
    Nop,

    /// <summary>map R n: private anonymous, MADV_NOHUGEPAGE, read-write, at page 0 of the region (MAP_FIXED_NOREPLACE).</summary>
    Map,

    /// <summary>maphuge R n: private anonymous, MADV_HUGEPAGE.</summary>
    MapHuge,

    /// <summary>mapshm R n: shared anonymous, MADV_NOHUGEPAGE.</summary>
    MapShm,

    /// <summary>read R i: loads the first byte of the page (the outcome's value).</summary>
    Read,

    /// <summary>write R i v: stores v into the first byte, then fills the page with it.</summary>
    Write,

    /// <summary>poke R i v: stores v into the first byte only.</summary>
    Poke,

    /// <summary>fork q: the process makes process q.</summary>
    Fork,

    /// <summary>exit: the process ends.</summary>
    Exit,

    /// <summary>unmap R i n: munmap.</summary>
    Unmap,

    /// <summary>mprotect R i n r|rw|none.</summary>
    Mprotect,

    /// <summary>mremap R i n S j [dontunmap]: MREMAP_MAYMOVE | MREMAP_FIXED to page j of region S.</summary>
    Mremap,

    /// <summary>mlock R i n.</summary>
    Mlock,

    /// <summary>munlock R i n.</summary>
    Munlock,

    /// <summary>pageout R i n: MADV_PAGEOUT.</summary>
    Pageout,

    /// <summary>cold R i n: MADV_COLD.</summary>
    Cold,

    /// <summary>free R i n: MADV_FREE.</summary>
    Free,

    /// <summary>dontneed R i n: MADV_DONTNEED.</summary>
    DontNeed,

    /// <summary>willneed R i n: MADV_WILLNEED.</summary>
    WillNeed,

    /// <summary>merge R i n: MADV_MERGEABLE.</summary>
    Merge,

    /// <summary>unmerge R i n: MADV_UNMERGEABLE.</summary>
    Unmerge,

    /// <summary>huge R i n: MADV_HUGEPAGE.</summary>
    Huge,

    /// <summary>nohuge R i n: MADV_NOHUGEPAGE.</summary>
    NoHuge,

    /// <summary>collapse R i n: MADV_COLLAPSE.</summary>
    Collapse,

    /// <summary>popread R i n: MADV_POPULATE_READ.</summary>
    PopRead,

    /// <summary>popwrite R i n: MADV_POPULATE_WRITE.</summary>
    PopWrite,

    /// <summary>dontfork R i n: MADV_DONTFORK.</summary>
    DontFork,

    /// <summary>dofork R i n: MADV_DOFORK.</summary>
    DoFork,

    /// <summary>wipeonfork R i n: MADV_WIPEONFORK.</summary>
    WipeOnFork,

    /// <summary>keeponfork R i n: MADV_KEEPONFORK.</summary>
    KeepOnFork,

    /// <summary>guard R i n: MADV_GUARD_INSTALL.</summary>
    Guard,

    /// <summary>unguard R i n: MADV_GUARD_REMOVE.</summary>
    Unguard,

    /// <summary>reclaim: everything reclaimable goes out, the swap cache too (no process of its own).</summary>
    Reclaim,

    /// <summary>swapoff (no process of its own).</summary>
    Swapoff,

    /// <summary>swapon: the same device again (no process of its own).</summary>
    Swapon,

    /// <summary>ksm [n]: n full scans, three if not said, of the same-page merger (no process of its own).</summary>
    Ksm,

    /// <summary>unksm: the merger breaks all it merged (no process of its own).</summary>
    Unksm,

    /// <summary>compact: memory compaction (no process of its own; not deterministic on a kernel, here it is).</summary>
    Compact,

    /// <summary>vmread R i: process_vm_readv of one byte (FOLL_PIN).</summary>
    VmRead,

    /// <summary>vmwrite R i v: process_vm_writev of one byte (FOLL_PIN | FOLL_WRITE).</summary>
    VmWrite,

    /// <summary>memread R i: /proc/pid/mem, one byte (FOLL_GET | FOLL_FORCE).</summary>
    MemRead,

    /// <summary>memwrite R i v: /proc/pid/mem, one byte (FOLL_GET | FOLL_FORCE | FOLL_WRITE).</summary>
    MemWrite,

    /// <summary>pin s R i n: an io_uring registered buffer (FOLL_PIN | FOLL_LONGTERM | FOLL_WRITE).</summary>
    Pin,

    /// <summary>unpin s.</summary>
    Unpin,

    /// <summary>splice s R i: vmsplice of the page into a new pipe (FOLL_GET).</summary>
    Splice,

    /// <summary>unsplice s: one byte is read from the pipe (the outcome's value), then it is closed.</summary>
    Unsplice,

    /// <summary>dioread R i v: O_DIRECT read of a page of v's into the page.</summary>
    DioRead,

    /// <summary>diowrite R i v: O_DIRECT write from the page to page v of the data file.</summary>
    DioWrite,

    /// <summary>uffd R i n: userfaultfd registration for asynchronous write protection.</summary>
    Uffd,

    /// <summary>uffdwp R i n: write-protects.</summary>
    UffdWp,

    /// <summary>uffdunwp R i n: undoes it.</summary>
    UffdUnwp,

    /// <summary>movepages R i: move_pages to the node where the page is.</summary>
    MovePages,

    /// <summary>
    /// orders o never|madvise|inherit|always: which memory gets large folios of 2^o pages (no process of its own). At first huge pages in memory
    /// that wants them, and nothing else. Machines of this library only.
    /// </summary>
    Orders,

    /// <summary>
    /// migrate R i n: moves the pages to other frames (the outcome's value: how many moved). An operation of this emulator only: a kernel has no call
    /// that does so for certain, so the program that records scripts does not know it.
    /// </summary>
    Migrate,

    /// <summary>clearrefs: clear_refs of 4: pages and mappings no longer count as written. Only machines of this library know it.</summary>
    ClearRefs,

    /// <summary>pagemap R i: the page's bits 55 to 63 in pagemap (the outcome's value). Only machines of this library know it.</summary>
    Pagemap,

    /// <summary>
    /// uffdmissing R i n: userfaultfd registration for missing pages and synchronous write protection; a touch that userfaultfd would have to
    /// resolve then fails with EAGAIN. Only machines of this library know it.
    /// </summary>
    UffdMissing,

    /// <summary>uffdunregister R i n. Only machines of this library know it.</summary>
    UffdUnregister,

    /// <summary>uffdcopy R i n v: fills missing pages with v. Only machines of this library know it.</summary>
    UffdCopy,

    /// <summary>uffdzero R i n: fills missing pages with zeroes. Only machines of this library know it.</summary>
    UffdZero,

    /// <summary>uffdpoison R i n: makes missing pages a bus error. Only machines of this library know it.</summary>
    UffdPoison,

    /// <summary>uffdmove R i n S j: UFFDIO_MOVE to page j of region S. Only machines of this library know it.</summary>
    UffdMove,
}
