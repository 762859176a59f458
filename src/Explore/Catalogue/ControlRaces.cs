using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>What never went wrong, because of a check that is easily forgotten; and what does not go wrong in an emulator.</summary>
internal static class ControlRaces
{
    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        Control("GUP-REMOVE", "A device lets go of a page that reclaim takes out of the swap cache", "What the device wrote is lost.",
            new ControlStages.Remove(),
            ("R", "finds the page clean, and is about to freeze its references"),
            ("D", "writes, marks the page dirty and lets it go"),
            ("R", "freezes the references, and only then asks whether the page is dirty: it is, so it stays")),
        Control("SWAP-WRITEBACK", "A page is stored to while it is written to its slot", "A store is lost.",
            new ControlStages.Writeback(),
            ("R", "writes the page; the write completes later"),
            ("T", "stores: the page is mapped again, and dirty"),
            ("R", "does not drop it, because it is dirty")),
        Control("SWAP-COMPLETE", "A page is dropped while its write to the slot completes", "An older content of the slot comes back.",
            new ControlStages.WriteCompletes(),
            ("W", "stores the content in the slot, and only then says that the page is not under writeback any more"),
            ("T", "loads, lets the page go to swap again, and loads: it is not dropped before that")),
        Control("COW-H15", "A device takes a page that is about to move", "A device writes to a frame that no entry maps any more.",
            new ControlStages.MigratedUnderDevice(),
            ("M", "clears the entry first, and only then looks who holds the page"),
            ("G", "takes the page without locks: either it finds the entry gone when it looks again, or it is seen")),
        Control("PIN-SWAP-FORK", "A page is pinned just before it goes to swap, and its process forks", "A device's write is lost.",
            new ControlStages.PinnedThenForked(migrates: false),
            ("R", "sees no pin at first"),
            ("G", "pins the page without locks"),
            ("R", "clears the entry, sees the pin, and puts the entry back: else fork would share the page"),
            ("G", "forks; stores beside; the device writes")),
        Control("PIN-MIG-FORK", "A page is pinned just before it moves, and its process forks", "A device's write is lost.",
            new ControlStages.PinnedThenForked(migrates: true),
            ("G", "pins the page without locks"),
            ("M", "clears the entry, sees the pin, and puts the entry back: else fork would share the page"),
            ("G", "forks; stores beside; the device writes")),
        Control("SHM-REUSED", "The slot of a shared page is used again while its old folio is about to come back", "A store is lost.",
            new ControlStages.SharedSlotReused(),
            ("S", "finds the folio of the slot in the swap cache"),
            ("P", "cuts the page out, stores, and swaps out: the index holds the same swap value again"),
            ("S", "locks its folio and finds that it is not the slot's any more")),
        Control("MIG-STORE", "A page is stored to while it moves", "A store is lost.",
            new ControlStages.MigratedUnderStore(),
            ("M", "puts a migration entry in the place of the page's"),
            ("T", "waits for the folio's lock, and looks again")),
        Control("KSM-STORE", "A page is stored to while it is merged", "A store is lost, or seen in another page.",
            new ControlStages.StoreDuringMerge(),
            ("K", "makes the entry read-only, compares, looks at the entry again, and merges"),
            ("T", "stores to the page that waits"),
            ("U", "stores to the page that is merged")),
        Control("SHM-TRUNCATE", "A page of a shared object is stored to while the object is cut", "The object keeps a page behind its end.",
            new ControlStages.StoreDuringTruncate(),
            ("T", "finds that the page lies in the object; adds a fresh one; looks at the size again"),
            ("TR", "makes the object shorter, and then takes its pages out")),
        Control("FAULT-TWICE", "Two threads touch a page for the first time", "A store is lost.",
            new ControlStages.TwoFirstStores(),
            ("A", "allocates a page; locks the table and finds the entry changed"),
            ("B", "was faster")),
        Control("COW-TWICE", "Two threads store to a page that is shared with a child", "A store is lost.",
            new ControlStages.TwoCopies(),
            ("A", "copies the page, to which it has a reference; locks the table and finds the entry changed"),
            ("B", "was faster"),
            ("C", "lets go of the child's page: A has the last reference")),
        Control("MUNMAP-FAULT", "A page is touched while its mapping goes", "A page stays where nothing is mapped.",
            new ControlStages.StoreDuringUnmap(),
            ("T", "holds the mmap_lock for reading from looking at the mapping until the page is there"),
            ("U", "waits for it, and takes the page out with the mapping")),
        Control("LRU-ADD", "Folios are on their way to their lists while those are brought up to date", "A freed folio stays on a list.",
            new ControlStages.Arrivals(),
            ("T", "touches a page, which waits for its list"),
            ("R", "brings all that waits to the lists; is stopped when it has seen that T has something"),
            ("T", "touches another page, and drops both: it must find them"),
            ("R", "takes what T had")),
        Control("SWAPOFF-LAST", "The last slot of an area is being freed when the area is forgotten", "Another area's lists are damaged.",
            new ControlStages.LastSlot(),
            ("T", "stores to a page that it has alone again: its slot is counted as free; is stopped"),
            ("SO", "finds nothing in use, and waits until nobody is in a cluster's section any more"),
            ("T", "puts the cluster on its list")),
        Control("SWAPOFF-FORK", "A process forks while the area of its page is removed", "Swapoff never ends, or a page is lost.",
            new ControlStages.ForkDuringSwapOff(),
            ("F", "copies the swap entry: the child is on swapoff's list before that could be missed"),
            ("SO", "goes round until nothing is left in the area")),
        WithMask("SWAP-H01", "A fault looks at the slot of an area that is removed meanwhile", "eb085574a752, Linux 5.3; 2799e77529c2, Linux 5.14",
            new ControlStages.LoadDuringSwapOff(),
            RaceModel.Of<RaceModels.NoAreaPin>(
                "no-area-pin", RaceVerdict.Masks,
                "the area is not pinned: in Linux its arrays are freed memory then; here records stay, and the entry is compared"),
            ("F", "reads the entry; is stopped"),
            ("SO", "brings the page in and forgets the area"),
            ("F", "looks at the slot")),
        WithMask("SWAP-H02", "A neighbour is read ahead from another area that is removed meanwhile", "1c2a936edd71, Linux 6.18",
            new SwapCountStages.Neighbour(),
            RaceModel.Of<RaceModels.ReadaheadWithoutAreaPin>(
                "no-area-pin", RaceVerdict.Masks, "the neighbour's area is not pinned: in Linux its arrays are freed memory then; here records stay"),
            ("F", "brings its page in, and reads the entry of a neighbour that is in another area; is stopped"),
            ("SO", "brings the neighbour in and forgets its area"),
            ("F", "looks at the neighbour's slot")),
        WithMask("SWAP-H03", "An entry is dropped, and its area forgotten before the slot's folio is looked for", "82b1c07a0af6, Linux 6.9",
            new ControlStages.ZapDuringSwapOff(),
            RaceModel.Of<RaceModels.ZapWithoutAreaPin>(
                "no-area-pin", RaceVerdict.Masks, "the area is not pinned: in Linux its arrays are freed memory then; here records stay"),
            ("Z", "drops the last reference of the slots; is stopped"),
            ("SO", "finds nothing in use and forgets the area; another one takes its place"),
            ("Z", "looks for the slots' folios")),
        Counted("SWAP-H04", "Two counts that are too large for their slots are changed at once", "2628bd6fc052, Linux 4.15",
            "A count is wrong: a slot is never freed, or too early.", new SwapCountStages.TwoForks(),
            ("F1", "forks: the counts of both slots go over what a slot can hold; the child exits at once"),
            ("F2", "the child forks: the same slots")),
        Counted("SWAP-H05", "A count goes over its limit while another process drops its reference", "found by syzbot in 2026, Linux 7.2",
            "What is kept of a count outlives it, and the slot's next owner inherits it.", new SwapCountStages.ForkAndDrop(),
            ("D", "forks: finds the count at its limit, and is about to keep it elsewhere"),
            ("P", "drops a reference: the count is below the limit again")),
    ];

    private static RaceEntry Control(
        string name, string title, string symptom, IRaceStage stage, params (string Actor, string What)[] narrative)
    {
        int actors = narrative.Select(step => step.Actor).Distinct().Count();
        return new()
        {
            Name = name,
            Title = title,
            Upstream = "none: right in all kernels",
            Symptom = symptom,
            Invariants = ["G1"],
            Narrative = narrative,
            Preemptions = 1,
            Bound = actors == 2 ? 3 : 2,
            QuickBound = actors == 2 && stage is not ControlStages.SharedSlotReused ? 2 : 1, // reclaim of all pages takes long
            Models = [.. RaceCatalogue.Linux618()],
            Stage = stage,
        };
    }

    private static RaceEntry WithMask(
        string name, string title, string upstream, IRaceStage stage, RaceModel masked, params (string Actor, string What)[] narrative) => new()
        {
            Name = name,
            Title = title,
            Upstream = upstream,
            Symptom = "Freed memory is read; not here.",
            Invariants = ["G1"],
            Narrative = narrative,
            Preemptions = 1,
            Models = [masked, .. RaceCatalogue.Linux618()],
            Stage = stage,
        };

    /// <summary>Counts are kept in one table under one lock here; a small limit leads there with few processes.</summary>
    private static RaceEntry Counted(
        string name, string title, string upstream, string symptom, IRaceStage stage, params (string Actor, string What)[] narrative) => new()
        {
            Name = name,
            Title = title,
            Upstream = upstream,
            Symptom = symptom,
            Invariants = ["I1"],
            Narrative = narrative,
            Preemptions = 1,
            Models =
            [
                RaceModel.Of<RaceModels.FewCounts>("one-table", RaceVerdict.After, "counts above two are kept in one table, under one lock"),
            ],
            Stage = stage,
        };
}
