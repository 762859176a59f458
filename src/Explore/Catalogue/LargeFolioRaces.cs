using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Races about folios of more than one page.</summary>
internal static class LargeFolioRaces
{
    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        LazyFree(), LazyFreeBatch(), Direct(), DirectWhole(), SplitAndTake(), CollapseAndTake(), ProtectBatch(), SplitAndReclaim(),
    ];

    private static RaceEntry LazyFree() => new()
    {
        Name = "S004-G",
        Title = "A large folio, freed lazily, is dropped although a device writes one of its pages",
        Upstream = "6c8e2a256915, Linux 5.18",
        Symptom = "A device's read returns, and the memory holds zeros.",
        Invariants = ["G1"],
        Narrative =
        [
            ("T", "takes a page of the folio without locks, for a device that will write to it"),
            ("R", "clears its entry, finds the folio clean and drops it"),
            ("T", "the device writes to a frame that is no page of the process any more"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.DirtyOnly>("dirty-only", RaceVerdict.Before, "a lazily freed page is dropped when it is clean, whoever holds it"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new LargeFolioStages.LazyFree(),
    };

    private static RaceEntry LazyFreeBatch() => Control(
        "S004-I", "A lazily freed folio of which one page is writable and the others are shared is kept because somebody holds it",
        "Every page comes back as writable as the first one.", new LargeFolioStages.LazyFreeMixed(), bound: 2,
        ("G", "takes a page without locks, and lets it go"),
        ("R", "clears the entries and gives each one back as it was; a batch that took the rights of its first entry for all would fail here"),
        ("T", "stores to a page that is not exclusive"));

    private static RaceEntry Direct() => ReadPast(
        "SWAP-H10", "A large folio is read past the swap cache while one of its pages is newer", single: true,
        ("T0", "finds four slots that no folio is bound to, and reads them into one folio; is stopped"),
        ("T1", "brings in one of the pages alone, and stores to it"),
        ("R", "swaps that page out, to the same slot: its entry is as it was"),
        ("T0", "finds all entries unchanged and maps what it has read"));

    private static RaceEntry DirectWhole() => ReadPast(
        "SWAP-H10-whole", "The same with all of its pages, which come and go as a whole", single: false,
        ("T0", "finds four slots that no folio is bound to, and reads them into one folio; is stopped"),
        ("T1", "brings all pages in, and stores to one of them"),
        ("R", "swaps them out to the same four slots, so that all entries are as they were"),
        ("T0", "finds all entries unchanged and maps what it has read"));

    private static RaceEntry ReadPast(string name, string title, bool single, params (string Actor, string What)[] narrative) => new()
    {
        Name = name,
        Title = title,
        Upstream = "242d12c98174, Linux 6.12: with the pins from the beginning; a05dd8ae5cbb, Linux 6.16",
        Symptom = "A store is lost: an older content of the page comes back.",
        Invariants = ["G1"],
        Narrative = narrative,
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.NoPin>("no-pin", RaceVerdict.Before, "nothing keeps the slots while they are read"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new LargeFolioStages.Direct(single),
    };

    private static RaceEntry SplitAndTake() => new()
    {
        Name = "COW-H09",
        Title = "A page of a folio is taken without locks while the folio is split",
        Upstream = "c24d37322548, Linux 5.13",
        Symptom = "A page is given back more often than it was taken, and its frame goes to somebody else.",
        Invariants = ["R2", "F1", "G1", "EXCEPTION"],
        Narrative =
        [
            ("G", "finds the head of the page's folio; is stopped before it takes a reference there"),
            ("S", "splits the folio: the head is a page of its own, and so is the one that is being taken"),
            ("G", "takes a reference to the former head, finds the entry of its page unchanged, and believes that it has the page"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.TakesHeadUnchecked>("head-unchecked", RaceVerdict.Before, "nobody looks again whose head it is"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new LargeFolioStages.TakenDuringSplit(),
    };

    private static RaceEntry CollapseAndTake() => new()
    {
        Name = "COW-H10",
        Title = "A page is taken without locks while its range becomes a huge page",
        Upstream = "70cbc3cc78a9, Linux 6.1",
        Symptom = "A device writes to a page that no entry maps any more.",
        Invariants = ["G1"],
        Narrative =
        [
            ("G", "reads the entry in its table; is stopped"),
            ("K", "takes the table out of the tree, whose entries stand, and finds that nobody holds the pages; is stopped"),
            ("G", "takes the page, and finds its entry unchanged"),
            ("K", "copies the page and gives it up"),
            ("D", "the device writes"),
        ],
        Preemptions = 2,
        Bound = 2,
        QuickBound = 1, // an execution has 7,000 steps
        Models =
        [
            RaceModel.Of<RaceModels.CollapseByTableWithoutRecheck>(
                "no-table-recheck", RaceVerdict.Before, "the entry is looked at again, but not whether its table is still in the tree"),
            RaceModel.Of<RaceModels.PinWithoutTableRecheck>(
                "clears-entries", RaceVerdict.Masks, "the same with our collapse: each entry is cleared before references are counted"),
            RaceModel.Of<RaceModels.CollapseByTable>("linux-6.18", RaceVerdict.After, "both are looked at again"),
            RaceModel.Of<ExploredModel>("ours", RaceVerdict.After, "both, and each entry is cleared"),
        ],
        Stage = new LargeFolioStages.TakenDuringCollapse(),
    };

    private static RaceEntry ProtectBatch() => Control(
        "COW-H18", "The rights of a folio change of which only the first page is exclusive",
        "Shared pages become writable.", new LargeFolioStages.ProtectMixed(), bound: 3,
        ("P", "mprotect to read-only and back: each entry is made writable only if its own page is exclusive"),
        ("F", "forks: none is exclusive any more"));

    private static RaceEntry SplitAndReclaim() => Control(
        "SWAP-H17", "A folio is split for an area that takes single pages, while the slot of one of them is given back",
        "A slot's folio does not know its slot any more, and who reclaims it goes round for ever.", new LargeFolioStages.SplitForSwap(), bound: 3,
        ("S", "splits the folio, and gives each page a slot of its own"),
        ("T", "stores to the last page: its slot goes, or its folio is found in the cache"));

    private static RaceEntry Control(
        string name, string title, string symptom, IRaceStage stage, int bound, params (string Actor, string What)[] narrative) => new()
        {
            Name = name,
            Title = title,
            Upstream = "a control: what went wrong in Linux cannot be said here",
            Symptom = symptom,
            Invariants = ["G1"],
            Narrative = narrative,
            Preemptions = 1,
            Bound = bound,
            QuickBound = 1,
            Models = [.. RaceCatalogue.Linux618()],
            Stage = stage,
        };
}
