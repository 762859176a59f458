namespace PageTableEmu.Paging;

/// <summary>
/// Numbers of the special swap types: a function of kernel version and configuration (include/linux/swap.h), therefore a value and never a
/// constant. The special types are the top of the type space in this order, each group only where its option is on:
/// <code>
///     0 .. MaxSwapFiles-1 | hwpoison | migration: read, read exclusive, write | device: 3 or 4 | marker | swap-in error (6.1)
/// </code>
/// </summary>
/// <remarks>A type that does not exist has the number <see cref="Absent"/>, which no entry can carry: classifying is plain comparing.</remarks>
/// <seealso cref="SoftLeaf"/>
public readonly record struct SwapTypeLayout
{
    /// <summary>Number of a special type that this kernel does not have.</summary>
    public const uint Absent = uint.MaxValue;

    /// <summary>
    /// Number of swap types in the generic swap entry (1 &lt;&lt; MAX_SWAPFILES_SHIFT), whatever the architecture's field could hold.
    /// </summary>
    public const uint TypeCount = 32;

    /// <summary>Number of real swap types: 0 to this minus one are swap areas (MAX_SWAPFILES).</summary>
    public required uint MaxSwapFiles { get; init; }

    /// <summary>SWP_HWPOISON.</summary>
    public required uint HwPoison { get; init; }

    /// <summary>SWP_MIGRATION_READ.</summary>
    public required uint MigrationRead { get; init; }

    /// <summary>SWP_MIGRATION_READ_EXCLUSIVE.</summary>
    public required uint MigrationReadExclusive { get; init; }

    /// <summary>SWP_MIGRATION_WRITE.</summary>
    public required uint MigrationWrite { get; init; }

    /// <summary>SWP_DEVICE_WRITE.</summary>
    public required uint DevicePrivateWrite { get; init; }

    /// <summary>SWP_DEVICE_READ.</summary>
    public required uint DevicePrivateRead { get; init; }

    /// <summary>SWP_DEVICE_EXCLUSIVE, where there is one type for it (7.2).</summary>
    public required uint DeviceExclusive { get; init; }

    /// <summary>SWP_DEVICE_EXCLUSIVE_WRITE, where there are two (6.1, 6.12).</summary>
    public required uint DeviceExclusiveWrite { get; init; }

    /// <summary>SWP_DEVICE_EXCLUSIVE_READ, where there are two (6.1, 6.12).</summary>
    public required uint DeviceExclusiveRead { get; init; }

    /// <summary>SWP_PTE_MARKER.</summary>
    public required uint PteMarker { get; init; }

    /// <summary>SWP_SWAPIN_ERROR (6.1; later kernels have the marker bit <see cref="PteMarkers.Poisoned"/> instead).</summary>
    public required uint SwapinError { get; init; }

    /// <summary>Marker bits that this kernel knows (PTE_MARKER_MASK).</summary>
    public required PteMarkers Markers { get; init; }

    /// <summary>
    /// Whether migration entries carry the accessed and dirty state of the page (swap_migration_ad_supported, decided at boot: false on x86
    /// processors where the L1TF mitigation limits offsets too much). If not, the two bits are never set and read as clear.
    /// </summary>
    public required bool MigrationAgeBits { get; init; }

    /// <summary>The numbers of a kernel.</summary>
    /// <param name="version">The kernel.</param>
    /// <param name="options">The configuration options that are on.</param>
    /// <exception cref="ArgumentOutOfRangeException">The version or an option is none of the named ones.</exception>
    public static SwapTypeLayout For(KernelVersion version, SwapTypeOptions options)
    {
        if (version is < KernelVersion.Linux61 or > KernelVersion.Linux72)
            throw new ArgumentOutOfRangeException(nameof(version), version, "Known kernels are 6.1, 6.12 and 7.2.");
        if ((options & ~SwapTypeOptions.All) != 0)
            throw new ArgumentOutOfRangeException(nameof(options), options, "Known options are those of SwapTypeOptions.");

        // Numbers are handed out downwards from the top, so each group needs to know only what lies above it.
        uint next = TypeCount;
        bool separateAccess = version < KernelVersion.Linux72;
        uint swapinError = Take(ref next, 1, version == KernelVersion.Linux61);
        uint marker = Take(ref next, 1, version > KernelVersion.Linux61 || options.HasFlag(SwapTypeOptions.PteMarker));
        uint device = Take(ref next, separateAccess ? 4u : 3u, options.HasFlag(SwapTypeOptions.DevicePrivate));
        uint migration = Take(ref next, 3, options.HasFlag(SwapTypeOptions.Migration));
        uint hwPoison = Take(ref next, 1, options.HasFlag(SwapTypeOptions.MemoryFailure));
        return new SwapTypeLayout
        {
            MaxSwapFiles = next,
            HwPoison = hwPoison,
            MigrationRead = migration,
            MigrationReadExclusive = Above(migration, 1),
            MigrationWrite = Above(migration, 2),
            DevicePrivateWrite = device,
            DevicePrivateRead = Above(device, 1),
            DeviceExclusive = separateAccess ? Absent : Above(device, 2),
            DeviceExclusiveWrite = separateAccess ? Above(device, 2) : Absent,
            DeviceExclusiveRead = separateAccess ? Above(device, 3) : Absent,
            PteMarker = marker,
            SwapinError = swapinError,
            Markers = marker == Absent ? PteMarkers.None : MarkersOf(version),
            MigrationAgeBits = true,
        };
    }

    private static uint Take(ref uint next, uint count, bool exists)
    {
        if (!exists)
            return Absent;
        next -= count;
        return next;
    }

    private static uint Above(uint first, uint distance) => first == Absent ? Absent : first + distance;

    private static PteMarkers MarkersOf(KernelVersion version) => version switch
    {
        KernelVersion.Linux61 => PteMarkers.UffdWp,
        KernelVersion.Linux612 => PteMarkers.UffdWp | PteMarkers.Poisoned,
        _ => PteMarkers.UffdWp | PteMarkers.Poisoned | PteMarkers.Guard,
    };
}
