namespace PageTableEmu.Paging;

/// <summary>What a word of a page table is, as far as its non-present form goes.</summary>
/// <seealso cref="SoftLeaf"/>
public enum SoftLeafKind
{
    /// <summary>Nothing is mapped and nothing is remembered.</summary>
    None,

    /// <summary>Not a non-present entry: a leaf, a table or a malformed table, all of which Linux calls present.</summary>
    Present,

    /// <summary>A slot of a swap area.</summary>
    Swap,

    /// <summary>A page being moved that was mapped read-only and is shared, or is of a file.</summary>
    MigrationRead,

    /// <summary>An anonymous page being moved that was mapped read-only and is exclusive.</summary>
    MigrationReadExclusive,

    /// <summary>A page being moved that was mapped writable; an anonymous one is therefore exclusive.</summary>
    MigrationWrite,

    /// <summary>A frame with a hardware memory error.</summary>
    HwPoison,

    /// <summary>A page in memory that only a device can reach, mapped read-only.</summary>
    DevicePrivateRead,

    /// <summary>A page in memory that only a device can reach, mapped writable.</summary>
    DevicePrivateWrite,

    /// <summary>A page that a device uses alone (7.2).</summary>
    DeviceExclusive,

    /// <summary>A page that a device uses alone, mapped read-only (6.1, 6.12).</summary>
    DeviceExclusiveRead,

    /// <summary>A page that a device uses alone, mapped writable (6.1, 6.12).</summary>
    DeviceExclusiveWrite,

    /// <summary>No page, but something to remember: see <see cref="PteMarkers"/>.</summary>
    Marker,

    /// <summary>A page whose swap-in failed (6.1; later kernels use <see cref="PteMarkers.Poisoned"/>).</summary>
    SwapinError,

    /// <summary>A word that no kernel with this numbering writes: an unknown type, a marker without a known bit, a frame number too large.</summary>
    Invalid,
}
