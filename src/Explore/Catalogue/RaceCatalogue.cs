namespace PageTableEmu.Explore.Catalogue;

/// <summary>The historic races that can be shown.</summary>
/// <example>
/// <code>
/// RaceEntry entry = RaceCatalogue.All[0];
/// IRaceStage stage = entry.Stage;
/// foreach (RaceModel model in entry.Models)
///     Console.WriteLine($"{entry.Name} {model.Name}: {(model.Verdict == RaceVerdict.Before ? "must fail" : model.Rule)}");
/// using RaceScene scene = entry.Models[0].SetUp(entry);
/// Console.WriteLine(string.Join(' ', scene.Columns));
/// </code>
/// </example>
public static class RaceCatalogue
{
    /// <summary>All entries.</summary>
    public static IReadOnlyList<RaceEntry> All { get; } =
        [
        .. SwapInRaces.All, .. ReclaimRaces.All, .. PinRaces.All, .. AccessRaces.All, .. LargeFolioRaces.All,
        .. TagRaces.All, .. TagStoreRaces.All, .. TagSlotRaces.All, .. ControlRaces.All,
    ];

    /// <summary>The entry of a name, whether its first or another one; null when there is none.</summary>
    public static RaceEntry? TryFind(string? name) =>
        All.FirstOrDefault(entry => entry.OtherNames.Prepend(entry.Name).Contains(name, StringComparer.OrdinalIgnoreCase));

    /// <summary>The entry of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static RaceEntry Find(string name) =>
        TryFind(name)
        ?? throw new ArgumentException(
            $"There is no race '{name}'; there are {string.Join(", ", All.Select(entry => entry.Name))}.",
            nameof(name));

    /// <summary>The rules of Linux 6.18, where they are right; told at length, and by the shortcuts that machines outside an explorer take.</summary>
    internal static IReadOnlyList<RaceModel> Linux618() =>
    [
        RaceModel.Of<ExploredModel>("linux-6.18", RaceVerdict.After, "as Linux 6.18 does it"),
        RaceModel.Of<RaceModels.Shortcuts>("shortcuts", RaceVerdict.After, "the same, plain cases in fewer steps (IModel.TakesShortcuts)"),
    ];
}
