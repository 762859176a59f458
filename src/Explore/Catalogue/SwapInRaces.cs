using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Races of swap-in: what is read is not what the entry means any more.</summary>
internal static class SwapInRaces
{
    private const string LostStore = "A store is lost: an older content of the page comes back.";

    internal static IReadOnlyList<RaceEntry> All { get; } =
        [MergedCopy(), LeftCache(), OtherSlot(), Direct(), Forgotten(), SharedDirect(), TrustedResult(), Livelock(), WrongGroup(), ForkedEntry()];

    private static RaceEntry MergedCopy() => new()
    {
        Name = "001-A",
        Title = "A merged page is copied at swap-in after its lock was let go of",
        Upstream = "4969c1192d15, Linux 2.6.36",
        Symptom = LostStore,
        Invariants = ["G1"],
        Narrative =
        [
            ("F1", "finds the folio of its entry in the swap cache; it was merged for another place; lets go of the lock to copy it"),
            ("F2", "another thread stores: a copy of its own, the swap reference goes, only the folio keeps the slot"),
            ("R", "swaps that copy out: the slot is taken from the merged folio and given to the copy; the entry is as it was"),
            ("F1", "finds its entry unchanged, and maps its copy of the old content"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.CopyUnlocked>("copy-unlocked", RaceVerdict.Before, "the copy is made without the folio lock"),
            RaceModel.Of<RaceModels.Unverified>(
                "keep-lock-only", RaceVerdict.WrongFix, "the copy is made under the lock, but what was locked is not verified"),
            RaceModel.Of<RaceModels.CopyUnlockedWithExclusiveMark>(
                "exclusive-mark-only", RaceVerdict.Masks, "the copy is made without the lock, but the exclusive mark makes the new entry differ"),
            RaceModel.Of<RaceModels.NoExclusiveMark>("linux-2.6.37", RaceVerdict.After, "lock kept, folio verified; no exclusive mark yet"),
            RaceModel.Of<RaceModels.CopyByWriteFault>(
                "by-write-fault", RaceVerdict.After, "the merged folio is mapped read-only under its lock, and copied by a write fault"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new SwapInStages.Merged(),
    };

    private static RaceEntry LeftCache() => new()
    {
        Name = "001-B",
        Title = "A folio leaves the swap cache between lookup and lock",
        Upstream = "4969c1192d15, Linux 2.6.36",
        Symptom = LostStore,
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
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.Unverified>("unverified", RaceVerdict.Before, "a folio from the cache is not verified after it was locked"),
            RaceModel.Of<RaceModels.ReuseOf2010Unverified>(
                "unverified-2010", RaceVerdict.Before, "the same when a write reused any page with one mapping"),
            RaceModel.Of<RaceModels.UnverifiedWithExclusiveMark>(
                "exclusive-mark-only", RaceVerdict.Masks, "not verified, but the exclusive mark makes the new entry differ from the old one"),
            RaceModel.Of<RaceModels.ReuseOf2010>("linux-2.6.37", RaceVerdict.After, "verified; a write reuses any page with one mapping"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new SwapInStages.LeftCache(),
    };

    private static RaceEntry OtherSlot() => new()
    {
        Name = "001-C",
        Title = "A folio is back in the swap cache, under another slot",
        Upstream = "31c4a3d3a0f8, Linux 2.6.36",
        Symptom = LostStore,
        Invariants = ["G1"],
        Narrative =
        [
            ("F1", "finds the folio of its entry in the swap cache; is stopped before it locks it"),
            ("Q", "the child loads: it maps the folio"),
            ("F2", "another thread of the parent stores: a copy; the old slot goes with its last reference"),
            ("R", "swaps the copy out, which gets the old slot; then the child's page, so that the folio is in the cache again, under another slot"),
            ("F1", "locks the folio, sees that it is in the swap cache, finds its entry unchanged, and maps the old content"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.InCacheOnly>("in-cache-only", RaceVerdict.Before, "verified is only that the folio is in the swap cache"),
            RaceModel.Of<RaceModels.NoExclusiveMark>("linux-2.6.37", RaceVerdict.After, "verified is that it is bound to the slot"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new SwapInStages.OtherSlot(),
    };

    private static RaceEntry Direct() => new()
    {
        Name = "002-A",
        OtherNames = ["COW-H14"],
        Title = "A slot is re-issued while its content is read past the swap cache",
        Upstream = "13ddaf26be32, Linux 6.8",
        Symptom = LostStore,
        Invariants = ["G1"],
        Narrative =
        [
            ("T0", "faults on the entry, misses the swap cache and reads the slot into a fresh folio; is stopped"),
            ("T1", "faults too, maps its own folio, gives the slot back and stores"),
            ("R", "swaps that page out: it gets the same slot, so the entry is as it was"),
            ("T0", "finds its entry unchanged and maps what it has read: the old content"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models = DirectModels(),
        Stage = new SwapInStages.Direct(),
    };

    private static RaceEntry Forgotten() => new()
    {
        Name = "002-A2",
        Title = "A slot is read after its content was discarded",
        Upstream = "13ddaf26be32, Linux 6.8",
        Symptom = "A page that nobody stored to comes back as garbage.",
        Invariants = ["G1"],
        Narrative =
        [
            ("T0", "faults on the entry and misses the swap cache; is stopped before it reads the slot"),
            ("T1", "faults too, maps the page, gives the slot back: the device forgets its content"),
            ("T0", "reads garbage; is stopped"),
            ("R", "swaps the page out: it gets the same slot, so the entry is as it was"),
            ("T0", "finds its entry unchanged and maps what it has read"),
        ],
        Preemptions = 2,
        Bound = 2,
        QuickBound = 1,
        Models = DirectModels(),
        Stage = new SwapInStages.Forgotten(),
    };

    private static RaceModel[] DirectModels() =>
    [
        RaceModel.Of<RaceModels.NoPin>("no-pin", RaceVerdict.Before, "nothing keeps the slot while it is read"),
        RaceModel.Of<RaceModels.PinAfterRead>("pin-after-read", RaceVerdict.WrongFix, "the slot is pinned, but only after it was read"),
        .. RaceCatalogue.Linux618(),
        RaceModel.Of<RaceModels.AlwaysCache>("always-cache", RaceVerdict.After, "every slot is read through the swap cache, as in Linux 7.0"),
    ];

    private static RaceEntry SharedDirect() => new()
    {
        Name = "002-B",
        Title = "The slot of a shared page is re-issued while it is read past the swap cache",
        Upstream = "1dd44c0af4fa, Linux 6.14, has had the pin from the beginning",
        Symptom = LostStore,
        Invariants = ["G1"],
        Narrative =
        [
            ("S0", "finds the swap value at its index, misses the swap cache and reads the slot into a fresh folio; is stopped"),
            ("S1", "brings the page in, gives the slot back and stores"),
            ("R", "swaps that page out: it gets the same slot, so the index holds the same value"),
            ("S0", "finds the value unchanged and puts what it has read in its place: the old content"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.SharedNoPin>("no-pin", RaceVerdict.Before, "nothing keeps the slot while it is read; never merged"),
            .. RaceCatalogue.Linux618(),
            RaceModel.Of<RaceModels.SharedAlwaysCache>("always-cache", RaceVerdict.After, "shared pages are read through the swap cache"),
        ],
        Stage = new SwapInStages.Shared(),
    };

    private static RaceEntry TrustedResult() => new()
    {
        Name = "002-C",
        Title = "What a lookup said is believed after the lock was let go of",
        Upstream = "review of the non-fault swap-in helper, 2023; never merged",
        Symptom = LostStore,
        Invariants = ["G1"],
        Narrative =
        [
            ("F1", "is told that the folio was in the swap cache; is stopped before it locks it"),
            ("Q", "stores in the child: a copy"),
            ("F2", "stores in the parent: a copy; only the folio keeps the slot"),
            ("R", "swaps that copy out to the same slot"),
            ("F1", "does not verify the folio, because it was in the cache, and maps the old content"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.TrustsResult>("trusts-result", RaceVerdict.Before, "a hit is not verified again"),
            RaceModel.Of<RaceModels.NoExclusiveMark>("statistics-only", RaceVerdict.After, "what the lookup said is counted and not believed"),
        ],
        Stage = new SwapInStages.LeftCache(),
    };

    private static RaceEntry Livelock() => new()
    {
        Name = "SWAP-H06",
        Title = "Who finds a slot pinned faults again at once, for ever",
        Upstream = "029c4628b2eb, Linux 5.17; 01626a182302, Linux 6.12",
        Symptom = "A thread of high priority goes round while the thread that it waits for never runs.",
        Invariants = ["LIVELOCK"],
        Narrative =
        [
            ("H", "pins the slot to read it; is stopped"),
            ("W", "finds the slot pinned, gives up, faults again, finds the slot pinned ..."),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.NoWaitForPin>("no-wait", RaceVerdict.Before, "the fault is repeated without waiting for the end of the pin"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new SwapInStages.TwoReaders(),
    };

    private static RaceEntry WrongGroup() => new()
    {
        Name = "SWAP-H15",
        Title = "A page is charged to the group that its slot belonged to a moment ago",
        Upstream = "proposed in 2026; Linux 6.18 does it",
        Symptom = "A memory group pays for a page of another one; the data is right.",
        Invariants = ["GROUP"],
        Narrative =
        [
            ("T", "faults on the entry, asks whose the slot is, and has a frame charged to that group; is stopped before it pins the slot"),
            ("J", "the process joins another group, drops the page, stores a new one, which is charged there and goes to the same slot"),
            ("T", "pins the slot, reads it, finds the entry unchanged, and maps the new page in the frame of the old group"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<ExploredModel>("linux-6.18", RaceVerdict.Before, "charged first, then pinned"),
            RaceModel.Of<RaceModels.ChargesAfterPin>("charges-after-pin", RaceVerdict.After, "pinned first, then charged"),
        ],
        Stage = new SwapInStages.OtherGroup(),
    };

    private static RaceEntry ForkedEntry() => new()
    {
        Name = "S000-E",
        Title = "Fork copies a swap entry with its exclusive mark",
        Upstream = "a control; no kernel did it",
        Symptom = "Two processes write one frame.",
        Invariants = ["X5", "G1"],
        Narrative =
        [
            ("F", "forks: both entries say that the page is theirs alone"),
            ("F", "stores in the child: the page is reused, because it is exclusive"),
            ("P", "the parent loads what the child stored"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.ForkKeepsMark>("keeps-mark", RaceVerdict.Before, "fork leaves the exclusive mark in both entries"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new SwapInStages.AfterFork(),
    };
}
