using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PageTableEmu.Swap;

/// <summary>State of the swap floor as a whole.</summary>
/// <remarks>
/// Counters are changed by atomic operations. Lock order: <see cref="AreasLock"/> before everything; cluster → area's list lock →
/// <see cref="AvailableLock"/>; <see cref="OverflowLock"/> and <see cref="QueueLock"/> are innermost.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Size = 3072)]
internal struct SwapStateRecord
{
    /// <summary>Processors that have a hint of their own; threads share them modulo this number.</summary>
    internal const uint Processors = 32;

    /// <summary>Writes that can be pending; whoever queues one more completes one first, as a full request queue makes a writer wait.</summary>
    internal const uint QueueCapacity = 128;

    /// <summary>Serialises swapon and swapoff (swapon_mutex and swap_lock).</summary>
    internal ulong AreasLock;

    /// <summary>Lock of priorities, turns and the areas' WriteOk and Listed flags (swap_avail_lock).</summary>
    internal ulong AvailableLock;

    /// <summary>Lock of the overflow table.</summary>
    internal ulong OverflowLock;

    /// <summary>Lock of the write queue.</summary>
    internal ulong QueueLock;

    /// <summary>Usable slots of active areas (total_swap_pages).</summary>
    internal ulong TotalSlots;

    /// <summary>Free slots of active areas, less the slots in use of areas being swapped off (nr_swap_pages); signed.</summary>
    internal ulong FreeSlots;

    /// <summary>Areas that hand out slots.</summary>
    internal ulong ActiveAreas;

    /// <summary>Turns given so far.</summary>
    internal ulong Turns;

    /// <summary>Swapons so far.</summary>
    internal ulong Incarnations;

    /// <summary>Pages read (pswpin).</summary>
    internal ulong PagesRead;

    /// <summary>Pages written (pswpout).</summary>
    internal ulong PagesWritten;

    /// <summary>Reads that failed.</summary>
    internal ulong ReadErrors;

    /// <summary>Writes that failed.</summary>
    internal ulong WriteErrors;

    /// <summary>Entries of the overflow table in use.</summary>
    internal ulong Overflows;

    /// <summary>Areas that have a priority given by the machine; the lowest is one less than minus this, the first therefore -2.</summary>
    internal uint AutomaticPriorities;

    /// <summary>Pending writes.</summary>
    internal uint QueueLength;

    /// <summary>Oldest pending write.</summary>
    internal uint QueueHead;

    /// <summary>log2 of the largest readahead window (vm.page_cluster); 0: nothing is read ahead.</summary>
    internal uint PageCluster;

    /// <summary>1 + pages read ahead by slot and used since the last window over slots; 0 before the first.</summary>
    internal uint ClusterHits;

    /// <summary>Last window over slots, in pages.</summary>
    internal uint ClusterPages;

    /// <summary>Slot of the last window that began without hits.</summary>
    internal ulong ClusterPlace;

    /// <summary>Pages read ahead (swap_ra).</summary>
    internal ulong ReadAhead;

    /// <summary>Pages read ahead and used (swap_ra_hit).</summary>
    internal ulong ReadAheadHits;

    /// <summary>One hint per processor: the entry to try next.</summary>
    internal ProcessorHints Hints;

    /// <summary>Frames whose write is pending, a ring.</summary>
    internal QueueFrames Queue;

    /// <summary>A processor's hint in a cache line of its own, with room for those of other orders.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    internal struct ProcessorHint
    {
        internal ulong Order0;
    }

    [InlineArray((int)Processors)]
    internal struct ProcessorHints
    {
        private ProcessorHint first;
    }

    [InlineArray((int)QueueCapacity)]
    internal struct QueueFrames
    {
        private uint first;
    }
}
