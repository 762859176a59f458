using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Races of reclaim, lazily freed pages and swapoff.</summary>
internal static class ReclaimRaces
{
    private const string Zeros = "A device's read returns, and the memory holds zeros.";

    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        LazyFree(), LazyFreeSlow(), LazyFreeOrder(), LazyFreeFence(), LazyFreeTaken(), LazyFreeFrozen(), LazyFreeWritten(),
        LazyFreeShared(), LazyFreeClean(), StableWrites(),
        NewSlot(), SwapOff(), WrongArea(), Truncate(),
    ];

    private static RaceEntry LazyFree() => new()
    {
        Name = "S004-A",
        Title = "A lazily freed page that a device writes is dropped",
        Upstream = "6c8e2a256915, Linux 5.18",
        Symptom = Zeros,
        Invariants = ["G1"],
        Narrative =
        [
            ("T", "takes the lazily freed page without locks, for a device that will write to it; the page is clean"),
            ("R", "clears the entry, finds the page clean and drops it; the reference only keeps the frame"),
            ("T", "the device writes to a frame that is no page of the process any more; the process reads zeros"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.DirtyOnly>("dirty-only", RaceVerdict.Before, "a lazily freed page is dropped when it is clean, whoever holds it"),
            .. RaceCatalogue.Linux618(),
            RaceModel.Of<RaceModels.ExtraReferenceEnds>(
                "linux-6.12", RaceVerdict.After, "a reference also makes it an ordinary page again, up to Linux 6.12"),
            RaceModel.Of<RaceModels.DirtyAfterFreeze>(
                "dirty-after-freeze", RaceVerdict.After, "dirty is asked once more after the references were frozen (before d17be2d9ff6c)"),
        ],
        Stage = new ReclaimStages.LazyFree(slow: false),
    };

    private static RaceEntry LazyFreeSlow() => new()
    {
        Name = "S004-A-slow",
        Title = "The same, with the page taken as a fault would: it is dirty from then on",
        Upstream = "6c8e2a256915, Linux 5.18",
        Symptom = Zeros,
        Invariants = ["G1"],
        Narrative =
        [
            ("T", "takes the lazily freed page under the lock of its table, which makes it dirty"),
            ("R", "finds it dirty and keeps it"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.DirtyOnly>("dirty-only", RaceVerdict.Masks, "a lazily freed page is dropped when it is clean, whoever holds it"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.LazyFree(slow: true),
    };

    private static RaceEntry LazyFreeOrder() => new()
    {
        Name = "S004-B",
        Title = "Dirty is looked at before the references are",
        Upstream = "6c8e2a256915, Linux 5.18: the order that its comment demands",
        Symptom = Zeros,
        Invariants = ["G1"],
        Narrative =
        [
            ("R", "clears the entry of a page that a device holds, and finds it clean; is stopped"),
            ("D", "writes the page, marks it dirty and lets it go"),
            ("R", "finds no foreign reference, and drops the page"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.DirtyFirst>("dirty-first", RaceVerdict.WrongFix, "dirty first, then the references"),
            RaceModel.Of<RaceModels.DirtyOnly>("dirty-only", RaceVerdict.Before, "dirty only", preemptions: 0),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.LazyFreeHeld(),
    };

    private static RaceEntry LazyFreeFence() => new()
    {
        Name = "S004-C",
        Title = "The cleared entry is still in the store buffer when the references are counted",
        Upstream = "6c8e2a256915, Linux 5.18: the barrier in it",
        Symptom = Zeros,
        Invariants = ["G1"],
        Narrative =
        [
            ("R", "clears the entry, which stays in its store buffer, and counts: nobody else holds the page; is stopped"),
            ("T", "takes the page without locks: the entry is unchanged when it looks again"),
            ("R", "drops the page"),
            ("T", "the device writes, and the process reads zeros"),
        ],
        Preemptions = 1,
        MemoryOrder = MemoryOrder.TotalStoreOrder,
        Models =
        [
            RaceModel.Of<RaceModels.NoUnmapFence>("no-fence", RaceVerdict.Before, "clearing the entry is an ordinary store"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.LazyFree(slow: false),
    };

    private static RaceEntry LazyFreeTaken() => new()
    {
        Name = "S004-D",
        Title = "A control: somebody holds a lazily freed page for a moment while it is reclaimed",
        Upstream = "none: right in all kernels",
        Symptom = "A page is freed while somebody has it, or never.",
        Invariants = ["F1"],
        Narrative =
        [
            ("R", "clears the entry, and is about to freeze the references"),
            ("G", "takes a reference, finds the entry gone when it looks again, and drops it"),
            ("R", "cannot freeze them, and leaves the page for the next time"),
        ],
        Preemptions = 1,
        Models =
        [
            .. RaceCatalogue.Linux618(),
            RaceModel.Of<RaceModels.ExtraReferenceEnds>("linux-6.12", RaceVerdict.After, "the page is an ordinary one again, up to Linux 6.12"),
        ],
        Stage = new ReclaimStages.LazyFreeTaken(),
    };

    private static RaceEntry LazyFreeFrozen() => new()
    {
        Name = "S004-F",
        Title = "A control: a lazily freed page that a device wrote is asked for dirt before or after its references are frozen",
        Upstream = "d17be2d9ff6c, Linux 6.14: the question after the freeze went",
        Symptom = Zeros,
        Invariants = ["G1"],
        Narrative =
        [
            ("D", "writes the page, marks it dirty and lets it go"),
            ("R", "finds a reference, or dirt; when it can freeze the references there is neither an entry nor a holder, so dirt is of no interest"),
        ],
        Preemptions = 1,
        Models =
        [
            .. RaceCatalogue.Linux618(),
            RaceModel.Of<RaceModels.DirtyAfterFreeze>("dirty-after-freeze", RaceVerdict.After, "dirty is asked once more after the freeze"),
        ],
        Stage = new ReclaimStages.LazyFreeHeld(),
    };

    private static RaceEntry LazyFreeWritten() => new()
    {
        Name = "S004-E",
        Title = "A control: a lazily freed page is written again while it is reclaimed",
        Upstream = "none: right in all kernels",
        Symptom = "A store is lost.",
        Invariants = ["G1"],
        Narrative =
        [
            ("R", "is about to clear the entry"),
            ("T", "stores: the processor marks the entry dirty"),
            ("R", "finds it dirty, gives it back and makes the page an ordinary one, which goes to swap the next time"),
        ],
        Preemptions = 1,
        Models =
        [
            .. RaceCatalogue.Linux618(),
            RaceModel.Of<RaceModels.ExtraReferenceEnds>("linux-6.12", RaceVerdict.After, "as Linux 6.12 does it"),
        ],
        Stage = new ReclaimStages.LazyFreeWritten(),
    };

    private static RaceEntry LazyFreeShared() => new()
    {
        Name = "S004-H",
        Title = "A control: a page that fork shares is let go of lazily by one side",
        Upstream = "none: right in all kernels",
        Symptom = "The other process reads zeros.",
        Invariants = ["G1"],
        Narrative =
        [
            ("P", "MADV_FREE: the page becomes lazily freed for both"),
            ("P", "reclaims: finds the child's entry dirty, and makes the page an ordinary one again"),
            ("C", "reads what it always held"),
        ],
        Preemptions = 1,
        QuickBound = 1,
        Models =
        [
            .. RaceCatalogue.Linux618(),
            RaceModel.Of<RaceModels.SparesShared>("spares-shared", RaceVerdict.After, "MADV_FREE leaves pages alone that others map"),
        ],
        Stage = new ReclaimStages.LazyFreeShared(clean: false),
    };

    private static RaceEntry LazyFreeClean() => new()
    {
        Name = "FREE-FORK",
        Title = "The same page, clean because it was just read from swap: it is taken from the other process too",
        Upstream = "none up to Linux 7.3: found with this library, and seen on a running 6.18",
        Symptom = "The other process reads zeros.",
        Invariants = ["G1"],
        Narrative =
        [
            ("P", "MADV_FREE: nobody is asked who else maps the page, because it is clean and in no cache"),
            ("P", "reclaims: finds it clean in both processes, and drops it"),
            ("C", "reads zeros"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<ExploredModel>("linux-6.18", RaceVerdict.Before, "as Linux 6.18 does it"),
            RaceModel.Of<RaceModels.SparesShared>("spares-shared", RaceVerdict.After, "MADV_FREE leaves pages alone that others map"),
        ],
        Stage = new ReclaimStages.LazyFreeShared(clean: true),
    };

    private static RaceEntry StableWrites() => new()
    {
        Name = "S000-D",
        Title = "A page is written while its area writes it and relies on it not to change",
        Upstream = "1493a1913e34, Linux 5.19: its first posting had the test upside down",
        Symptom = "The area's checksum does not fit what it stored.",
        Invariants = ["I17"],
        Narrative =
        [
            ("R", "unmaps the page and begins to write it"),
            ("T", "stores: the page is mapped writable, because its entry says exclusive"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.ExclusiveInStableWrite>("exclusive-anyway", RaceVerdict.WrongFix, "the exclusive mark counts also then"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.StableWrites(),
    };

    private static RaceEntry NewSlot() => new()
    {
        Name = "SWAP-H09",
        Title = "A clean page gets a slot and is not written there",
        Upstream = "9625456cc763, Linux 4.14",
        Symptom = "A page comes back as garbage.",
        Invariants = ["G1"],
        Narrative =
        [
            ("R", "gives a slot to a page that is clean although it is nowhere else; because it is clean it is not written"),
            ("T", "reads what an earlier owner left in the slot"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.NewSlotLeavesClean>("leaves-clean", RaceVerdict.Before, "a page that gets a slot is as dirty as it was"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.CleanPage(),
    };

    private static RaceEntry SwapOff() => new()
    {
        Name = "002-D",
        Title = "Swapoff does not verify the folio it has found",
        Upstream = "021e820fc609, Linux 6.18; a negative control",
        Symptom = "Nothing, as long as the area issues no slots. If it still does, a page is lost.",
        Invariants = ["G1", "I1"],
        Narrative =
        [
            ("F", "brings the page in and stores: its slot is free"),
            ("R", "is about to swap the page out, and has got a slot; is stopped before it binds the folio to it and counts"),
            ("SO", "closes the area without waiting, finds nothing to bring in but the slot in use, and is about to let go of its folio"),
            ("R", "publishes the entry; swapoff forgets the area, and the page with it"),
        ],
        Preemptions = 1,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.UnuseUnverified>("unverified", RaceVerdict.Masks, "the folio is not verified; the closed area makes up for it"),
            RaceModel.Of<RaceModels.NoWaitForAllocators>(
                "no-wait-for-allocators", RaceVerdict.WrongFix, "swapoff begins while an allocator that saw the area open is at work"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.SwapOff(),
    };

    private static RaceEntry WrongArea() => new()
    {
        Name = "SWAP-H13",
        Title = "Swapoff takes a folio of another area out of the cache",
        Upstream = "68bdc8d64742, Linux 2.6.29",
        Symptom = "A store is lost, or garbage comes back.",
        Invariants = ["G1", "EXCEPTION"],
        Narrative =
        [
            ("SO", "finds a folio in a slot of its area; is stopped before it locks it"),
            ("F", "the folio leaves the slot, is written, and goes to a slot of another area; what it holds has not arrived there"),
            ("SO", "locks the folio and takes it out of the cache"),
            ("F", "reads the other area's slot"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.TakesAnyFolio>("any-folio", RaceVerdict.Before, "whatever slot the folio has by then"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.WrongArea(),
    };

    private static RaceEntry Truncate() => new()
    {
        Name = "SWAP-H12",
        Title = "Truncate drops a swap reference that was not taken yet",
        Upstream = "826267cf1e6c, Linux 3.0",
        Symptom = "A slot is never freed, and swapoff never ends.",
        Invariants = ["I1", "EXCEPTION"],
        Narrative =
        [
            ("W", "puts the swap value of a page into the object; is stopped before it takes the swap reference"),
            ("TR", "truncates: takes the value out and drops its reference"),
            ("W", "takes the reference, which nobody will drop"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.CountedLate>("counted-late", RaceVerdict.Before, "the swap value can be seen before it was counted"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ReclaimStages.Truncate(),
    };
}
