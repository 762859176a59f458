namespace PageTableEmu.Explore;

/// <summary>What a processor may do to the order of loads and stores. Read-modify-writes and fences are full fences in all of them.</summary>
/// <seealso cref="ExplorerOptions"/>
public enum MemoryOrder
{
    /// <summary>Every access happens where it stands in the program.</summary>
    SequentiallyConsistent,

    /// <summary>x86 and SPARC TSO: a store may wait in the actor's buffer, first in first out, while later loads of the actor go ahead.</summary>
    TotalStoreOrder,

    /// <summary>
    /// SPARC RMO and Arm, without what acquire and release instructions forbid: stores of different words may also reach memory out of order, and
    /// a load may have been made earlier than its place, but not before a fence. A load never sees a store that comes later than itself.
    /// </summary>
    Relaxed,
}
