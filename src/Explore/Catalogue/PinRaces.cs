using PageTableEmu.Explore.Catalogue.Stages;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Races of those who hold pages for a device or another process.</summary>
internal static class PinRaces
{
    private const string LostRead = "An O_DIRECT read returns, and the memory holds what it held before.";
    private const GupFlags ForWrite = GupFlags.Get | GupFlags.Write;

    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        Lost("S000-A", "What a device reads into a page is lost when the page was swapped out meanwhile", ForWrite, readsFirst: false),
        Lost("S000-B", "The same when the process loads before it stores: the write fault copies too", ForWrite, readsFirst: true),
        Lost("S000-A-pin", "The same with a pin: reclaim leaves the page alone", GupFlags.Pin | GupFlags.Write, readsFirst: false),
        TwoRefault(), PinDuringFork(), PinnedBeforeFork(), Pipe(), ReadOnlyPin(), Replaced(), HeldDuringMerge(),
    ];

    private static RaceEntry Lost(string name, string title, GupFlags flags, bool readsFirst) => new()
    {
        Name = name,
        OtherNames = name == "S000-A" ? ["SWAP-H14"] : [],
        Title = title,
        Upstream = "1493a1913e34, Linux 5.19",
        Symptom = LostRead,
        Invariants = ["G1"],
        Narrative =
        [
            ("T", (flags & GupFlags.Pin) != 0
                ? "pins the page for a device"
                : "takes the page for a device that will write to it (FOLL_GET, not a pin)"),
            ("R", "unmaps it: the swap entry does not remember that the page was exclusive; the reference keeps it in the cache"),
            ("T", "stores to another byte: the fault finds the cached folio, takes it for shared because of the reference, and copies"),
            ("T", "the device writes to the old frame, which no entry maps any more; the process reads the copy"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.NoExclusiveMark>(
                "no-exclusive-mark", (flags & GupFlags.Pin) != 0 ? RaceVerdict.Masks : RaceVerdict.Before,
                "swap entries forget that their page was exclusive"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.DeviceRead(flags, readsFirst),
    };

    private static RaceEntry TwoRefault() => new()
    {
        Name = "S000-C",
        Title = "Two threads bring the page back that a device writes to",
        Upstream = "1493a1913e34, Linux 5.19",
        Symptom = LostRead,
        Invariants = ["G1"],
        Narrative =
        [
            ("U", "loads: the folio comes back from the cache, shared, because the device has a reference"),
            ("T", "stores to another byte: a copy; the device writes to the old frame"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.NoExclusiveMark>("no-exclusive-mark", RaceVerdict.Before, "swap entries forget that their page was exclusive"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.TwoRefault(),
    };

    private static RaceEntry PinDuringFork() => new()
    {
        Name = "COW-H06",
        Title = "A lock-free pin is taken while fork makes the page shared",
        Upstream = "57efa1fe5957, Linux 5.11",
        Symptom = LostRead,
        Invariants = ["G1"],
        Narrative =
        [
            ("F", "fork asks whether the page may be pinned: no; is stopped"),
            ("G", "pins it: the entry is still writable, also at the second look; stores beside, and waits for the lock of the table"),
            ("F", "makes the entry read-only and the page shared"),
            ("G", "the store copies the page; the device writes to the old one"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.PinIgnoresFork>("ignores-fork", RaceVerdict.Before, "the pin does not look whether a fork is at work"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.PinDuringFork(),
    };

    private static RaceEntry PinnedBeforeFork() => new()
    {
        Name = "COW-H05",
        Title = "A pinned page is shared by fork, and the parent's store parts it from the device",
        Upstream = "70e806e4e645, Linux 5.9",
        Symptom = LostRead,
        Invariants = ["G1"],
        Narrative =
        [
            ("F", "forks: the pinned page is shared with the child"),
            ("F", "stores: not exclusive, so a copy"),
            ("D", "the device writes to the old frame"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.ForkSharesPinned>("shares-pinned", RaceVerdict.Before, "fork shares pinned pages as any other"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.PinnedBeforeFork(),
    };

    private static RaceEntry Pipe() => new()
    {
        Name = "COW-H04",
        Title = "A parent writes into what its child has put into a pipe (CVE-2020-29374)",
        Upstream = "17839856fd58, Linux 5.8; 09854ba94c6a, Linux 5.9",
        Symptom = "A process reads from a pipe what another process stored after the page was put there.",
        Invariants = ["GU1"],
        Narrative =
        [
            ("C", "has taken a page that it shares with its parent into a pipe, and unmapped it"),
            ("P", "stores: the page has one mapping, so it is written in place"),
            ("C", "reads the pipe"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.ReuseOf2010>("one-mapping", RaceVerdict.Before, "a write reuses a page with one mapping"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.Pipe(),
    };

    private static RaceEntry ReadOnlyPin() => new()
    {
        Name = "PIN-UNSHARE",
        Title = "A read-only pin of a shared page does not see the stores of its process",
        Upstream = "a7f226604170, Linux 5.19",
        Symptom = "A device reads old data.",
        Invariants = ["GU1"],
        Narrative =
        [
            ("T", "pins a page that fork has shared, to read it"),
            ("T", "stores: not exclusive, so a copy; the device reads the old page"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.PinSharesPage>("pins-shared", RaceVerdict.Before, "a shared page is pinned as it is"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.ReadOnlyPin(),
    };

    private static RaceEntry Replaced() => new()
    {
        Name = "GUP-RECHECK",
        Title = "A lock-free reference is taken to a frame that belongs to another page by then",
        Upstream = "in the kernel since lock-free page taking is",
        Symptom = "A device reads or writes another page.",
        Invariants = ["GU1", "R2", "F1"],
        Narrative =
        [
            ("G", "reads the entry; is stopped"),
            ("Z", "drops the page; its frame is given to another page"),
            ("G", "takes a reference to the frame, and does not look at the entry again"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.PinWithoutRecheck>("no-recheck", RaceVerdict.Before, "the entry is not read again"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.Replaced(),
    };

    private static RaceEntry HeldDuringMerge() => new()
    {
        Name = "COW-H11",
        Title = "A page that a device holds is merged with another one",
        Upstream = "the order in write_protect_page; no kernel had it the other way round",
        Symptom = "A device writes to a page of somebody else.",
        Invariants = ["G1"],
        Narrative =
        [
            ("K", "counts the references of the page: nobody else; is stopped"),
            ("G", "takes it without locks, for a device"),
            ("K", "clears the entry and merges the page"),
            ("D", "the device writes"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.MergeCountsFirst>("counts-first", RaceVerdict.Before, "references are counted before the entry is cleared"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new PinStages.HeldDuringMerge(),
    };
}
