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
    private static readonly RaceModel Linux618 = RaceModel.Of<ExploredModel>("linux-6.18", RaceVerdict.After, "as Linux 6.18 does it");

    /// <summary>All entries.</summary>
    public static IReadOnlyList<RaceEntry> All { get; } = [LostRead(), LeftCache(), Direct()];

    /// <summary>The entry of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static RaceEntry Find(string name) =>
        All.FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException(
            $"There is no race '{name}'; there are {string.Join(", ", All.Select(entry => entry.Name))}.",
            nameof(name));

    private static RaceEntry LostRead() => new()
    {
        Name = "S000-A",
        Title = "What a device reads into a page is lost when the page was swapped out meanwhile",
        Upstream = "1493a1913e34, Linux 5.19",
        Symptom = "An O_DIRECT read returns, and the memory holds what it held before.",
        Invariants = ["GU1"],
        Narrative =
        [
            ("T", "takes the page for a device that will write to it (FOLL_GET, not a pin)"),
            ("R", "unmaps it: the swap entry does not remember that the page was exclusive; the reference keeps it in the cache"),
            ("T", "stores to another byte: the fault finds the cached folio, takes it for shared because of the reference, and copies"),
            ("T", "the device writes to the old frame, which no entry maps any more; the process reads the copy"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.NoExclusiveMark>("no-exclusive-mark", RaceVerdict.Before, "swap entries forget that their page was exclusive"),
            Linux618,
        ],
        Stage = new SwapInStages.LostRead(),
    };

    private static RaceEntry LeftCache() => new()
    {
        Name = "001-B",
        Title = "A folio leaves the swap cache between lookup and lock",
        Upstream = "4969c1192d15, Linux 2.6.36",
        Symptom = "A store is lost: an older content of the page comes back.",
        Invariants = ["G1"],
        Narrative =
        [
            ("F1", "finds the folio of its entry in the swap cache and takes a reference; is stopped before it locks it"),
            ("Q", "the child stores: it copies, because of the reference, and its swap reference goes"),
            ("F2", "another thread of the parent stores: a copy too; the slot has no reference left, only the folio"),
            ("R", "swaps that copy out: the slot is taken from the old folio and given to the copy; the entry is as it was"),
            ("F1", "locks the old folio, finds its entry unchanged, and maps the old content"),
        ],
        Preemptions = 1,
        Bound = 2,
        Models =
        [
            RaceModel.Of<RaceModels.Unverified>("unverified", RaceVerdict.Before, "a folio from the cache is not verified after it was locked"),
            RaceModel.Of<RaceModels.UnverifiedWithExclusiveMark>(
                "exclusive-mark-only", RaceVerdict.Masks, "not verified, but the exclusive mark makes the new entry differ from the old one"),
            Linux618,
        ],
        Stage = new SwapInStages.LeftCache(),
    };

    private static RaceEntry Direct() => new()
    {
        Name = "002-A",
        Title = "A slot is re-issued while its content is read past the swap cache",
        Upstream = "13ddaf26be32, Linux 6.8",
        Symptom = "A store is lost: an older content of the page comes back.",
        Invariants = ["G1"],
        Narrative =
        [
            ("T0", "faults on the entry, misses the swap cache and reads the slot into a fresh folio; is stopped"),
            ("T1", "faults too, maps its own folio, gives the slot back and stores"),
            ("R", "swaps that page out: it gets the same slot, so the entry is as it was"),
            ("T0", "finds its entry unchanged and maps what it has read: the old content"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.NoPin>("no-pin", RaceVerdict.Before, "nothing keeps the slot while it is read"),
            RaceModel.Of<RaceModels.PinAfterRead>("pin-after-read", RaceVerdict.WrongFix, "the slot is pinned, but only after it was read"),
            Linux618,
            RaceModel.Of<RaceModels.AlwaysCache>("always-cache", RaceVerdict.After, "every slot is read through the swap cache, as in Linux 7.0"),
        ],
        Stage = new SwapInStages.Direct(),
    };
}
