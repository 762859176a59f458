namespace PageTableEmu.Replay;

/// <summary>The strict letters of /proc/kpageflags, in the order in which a trace prints them.</summary>
[Flags]
public enum CoreFlags : ushort
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A: anonymous.</summary>
    Anonymous = 1 << 0,

    /// <summary>B: swap-backed (gone on a lazyfree page).</summary>
    SwapBacked = 1 << 1,

    /// <summary>C: in the swap cache.</summary>
    SwapCache = 1 << 2,

    /// <summary>K: merged by KSM.</summary>
    Ksm = 1 << 3,

    /// <summary>T: part of a transparent huge page.</summary>
    Huge = 1 << 4,

    /// <summary>Z: the zero page; its identity is 0 whatever its key.</summary>
    ZeroPage = 1 << 5,

    /// <summary>E: PageAnonExclusive.</summary>
    Exclusive = 1 << 6,

    /// <summary>U: unevictable.</summary>
    Unevictable = 1 << 7,

    /// <summary>L: mlocked.</summary>
    Mlocked = 1 << 8,

    /// <summary>W: under writeback.</summary>
    Writeback = 1 << 9,
}
