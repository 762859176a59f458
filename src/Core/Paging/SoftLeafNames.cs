namespace PageTableEmu.Paging;

/// <summary>Names of the kinds of entries in text formats.</summary>
public static class SoftLeafNames
{
    private static readonly (string Name, SoftLeafKind Kind, PteMarkers Markers)[] Names =
    [
        ("none", SoftLeafKind.None, 0),
        ("present", SoftLeafKind.Present, 0),
        ("swap", SoftLeafKind.Swap, 0),
        ("migration_read", SoftLeafKind.MigrationRead, 0),
        ("migration_read_exclusive", SoftLeafKind.MigrationReadExclusive, 0),
        ("migration_write", SoftLeafKind.MigrationWrite, 0),
        ("hwpoison", SoftLeafKind.HwPoison, 0),
        ("device_private_read", SoftLeafKind.DevicePrivateRead, 0),
        ("device_private_write", SoftLeafKind.DevicePrivateWrite, 0),
        ("device_exclusive", SoftLeafKind.DeviceExclusive, 0),
        ("device_exclusive_read", SoftLeafKind.DeviceExclusiveRead, 0),
        ("device_exclusive_write", SoftLeafKind.DeviceExclusiveWrite, 0),
        ("pte_marker_uffd_wp", SoftLeafKind.Marker, PteMarkers.UffdWp),
        ("pte_marker_poisoned", SoftLeafKind.Marker, PteMarkers.Poisoned),
        ("pte_marker_guard", SoftLeafKind.Marker, PteMarkers.Guard),
        ("pte_marker_uffd_wp_poisoned", SoftLeafKind.Marker, PteMarkers.UffdWp | PteMarkers.Poisoned),
        ("pte_marker_uffd_wp_guard", SoftLeafKind.Marker, PteMarkers.UffdWp | PteMarkers.Guard),
        ("pte_marker_poisoned_guard", SoftLeafKind.Marker, PteMarkers.Poisoned | PteMarkers.Guard),
        ("pte_marker_uffd_wp_poisoned_guard", SoftLeafKind.Marker, PteMarkers.UffdWp | PteMarkers.Poisoned | PteMarkers.Guard),
        ("swapin_error", SoftLeafKind.SwapinError, 0),
        ("invalid", SoftLeafKind.Invalid, 0),
    ];

    /// <summary>Name of an entry's kind; a marker is named by its bits.</summary>
    public static string NameOf(SoftLeaf leaf)
    {
        foreach ((string name, SoftLeafKind kind, PteMarkers markers) in Names)
        {
            if (kind == leaf.Kind && (markers == 0 || markers == leaf.Markers))
                return name;
        }

        throw new ArgumentOutOfRangeException(nameof(leaf), leaf.Kind, "Every kind has a name.");
    }

    /// <summary>Name of a kind that is not a marker, whose name says its bits too.</summary>
    public static string NameOf(SoftLeafKind kind)
    {
        foreach ((string name, SoftLeafKind known, PteMarkers markers) in Names)
        {
            if (known == kind && markers == 0)
                return name;
        }

        throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind, or a marker.");
    }

    /// <summary>Kind, and bits if it is a marker, that a name stands for.</summary>
    public static bool TryParse(string name, out SoftLeafKind kind, out PteMarkers markers)
    {
        foreach ((string known, SoftLeafKind knownKind, PteMarkers knownMarkers) in Names)
        {
            if (known != name)
                continue;
            (kind, markers) = (knownKind, knownMarkers);
            return true;
        }

        (kind, markers) = (SoftLeafKind.Invalid, PteMarkers.None);
        return false;
    }
}
