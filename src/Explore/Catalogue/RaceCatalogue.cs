namespace PageTableEmu.Explore.Catalogue;

/// <summary>The historic races that can be shown.</summary>
public static class RaceCatalogue
{
    /// <summary>All entries.</summary>
    public static IReadOnlyList<RaceEntry> All { get; } = [.. SwapInRaces.All, .. ReclaimRaces.All, .. PinRaces.All, .. TagRaces.All];

    /// <summary>The entry of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static RaceEntry Find(string name) =>
        All.FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException(
            $"There is no race '{name}'; there are {string.Join(", ", All.Select(entry => entry.Name))}.",
            nameof(name));

    /// <summary>The rules of Linux 6.18: no entry may find anything under them.</summary>
    internal static RaceModel Linux618() => RaceModel.Of<ExploredModel>("linux-6.18", RaceVerdict.After, "as Linux 6.18 does it");
}
