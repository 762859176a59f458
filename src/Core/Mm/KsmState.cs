using System.Runtime.InteropServices;
using PageTableEmu.Image;

namespace PageTableEmu.Mm;

/// <summary>State of same-page merging as a whole (mm/ksm.c), one record in <see cref="MetadataRegion.KsmState"/>.</summary>
/// <remarks>
/// <see cref="Lock"/> is the outermost lock of all: whoever scans or unmerges holds it, and with it everything here but the list of slots.
/// <see cref="ListLock"/> is innermost.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct KsmState
{
    /// <summary>Held by who scans or unmerges (ksm_thread_mutex): the owner, 0 when free.</summary>
    public ulong Lock;

    /// <summary>Protects the list of slots (ksm_mmlist_lock): the owner, 0 when free.</summary>
    public ulong ListLock;

    /// <summary>Full scans since the last unmerging.</summary>
    public ulong FullScans;

    /// <summary>First <see cref="KsmSlot"/> in scan order. Under <see cref="ListLock"/>.</summary>
    public uint FirstSlot;

    /// <summary>Last slot in scan order. Under <see cref="ListLock"/>.</summary>
    public uint LastSlot;

    /// <summary>The slot that is being scanned, 0 between scans. Under <see cref="ListLock"/>.</summary>
    public uint Cursor;

    /// <summary>1 while everything is unmerged (KSM_RUN_UNMERGE): a swap-in then uses no merged page. Changed atomically.</summary>
    public uint Unmerging;

    /// <summary>Merged pages, by content: root of a tree of <see cref="KsmNode"/>.</summary>
    public uint StableRoot;

    /// <summary>Pages met in this scan that have no equal yet, by content: root of a tree of <see cref="KsmItem"/>. New with every scan.</summary>
    public uint UnstableRoot;

    /// <summary>Number of the scan under way; an unstable item of another scan is in no tree.</summary>
    public uint Scan;

    /// <summary>The scan in which nodes whose frame is gone were last looked for.</summary>
    public uint PrunedInScan;

    /// <summary>Oldest node.</summary>
    public uint FirstNode;

    /// <summary>Youngest node.</summary>
    public uint LastNode;

    /// <summary>The greatest <see cref="KsmNode.Turn"/> so far.</summary>
    public uint LastTurn;

    /// <summary>1 when pages of zeroes are replaced by the zero page (use_zero_pages). Changed atomically.</summary>
    public uint UseZeroPages;
}
