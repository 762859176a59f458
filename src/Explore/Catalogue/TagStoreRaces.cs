using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>More of what goes wrong when tags are kept by address: migrations that fail, entries that move, sharing, the end of a process.</summary>
internal static class TagStoreRaces
{
    private const string None = "none up to Linux 7.3";

    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        Entry("S003-05", "A migration that fails has saved tags that nobody will ask for", TagRaces.Leaked, 0, ["T1"],
            new TagStoreStages.MigrateHeld(), RaceVerdict.Before,
            ("M", "unmaps the page and saves its tags; somebody holds the page, so the entry comes back, and what was saved stays"),
            ("H", "lets go of the page at last")),
        Entry("S003-06", "An access to a page that is moving restores nothing: it waits", "Nothing: what a thread sees is right.", 0, ["G2"],
            new TagStoreStages.LoadDuringMigration(), RaceVerdict.Masks,
            ("M", "unmaps the page, saves its tags, and copies it with them"),
            ("T", "loads: waits for the folio, and finds the page with its tags; no provider is asked")),
        Entry("S003-12", "A page is moved to another frame and to another address at once", TagRaces.Leaked, 0, ["T1"],
            new TagStoreStages.MigrateAndMove(), RaceVerdict.Before,
            ("M", "unmaps the page and saves its tags under the old address"),
            ("V", "mremap moves the migration entry"),
            ("M", "finds the entry at the new address, where nothing was saved")),
        new()
        {
            Name = "S003-15",
            Title = "The unmapping of a shared page ends half way",
            Upstream = "322842ea3c72, Linux 5.18",
            Symptom = "A slot is never freed, and swapoff never ends.",
            Invariants = ["I1", "T1"],
            Narrative = [("R", "unmaps the page from one process; from the other one it cannot: the tags have no room, and a reference stays")],
            Preemptions = 0,
            Models =
            [
                RaceModel.Of<AdiLinux, RaceModels.TagsLegacy>("keeps-reference", RaceVerdict.Before, "the swap reference is not put"),
                TagRaces.FrameAndSlot(),
            ],
            Stage = new TagStoreStages.SecondSaveFails(),
        },
        Entry("S003-16", "The end of the process hides what was leaked", "Nothing any more.", 0, ["T1"],
            new TagStoreStages.Exit(zapsFirst: true), RaceVerdict.Masks,
            ("Z", "lets go of its page in swap, whose tags stay (S003-07); ends, and the whole store goes")),
        Entry("S003-20", "Pages of shared objects lose their tags in swap", TagRaces.Lost, 0, ["G2", "T1"],
            new TagStoreStages.SharedObject(), RaceVerdict.Before,
            ("T", "loads: the page comes back through the object, where nobody saves or restores")),
        Entry("S003-22", "A restore without a save takes the count of a neighbour", TagRaces.Lost, 0, ["G2", "T1", "T4"],
            new TagStoreStages.StolenCount(), RaceVerdict.Before,
            ("B", "comes back, checked by now: the range that its neighbour opened covers it, so its count is taken"),
            ("A", "comes back: the range is gone, and with it the tags")),
    ];

    private static RaceEntry Entry(
        string name, string title, string symptom, int preemptions, IReadOnlyList<string> invariants, IRaceStage stage, RaceVerdict verdict,
        params (string Actor, string What)[] narrative) => new()
        {
            Name = name,
            Title = title,
            Upstream = None,
            Symptom = symptom,
            Invariants = invariants,
            Narrative = narrative,
            Preemptions = preemptions,
            Models = [TagRaces.ByAddress(verdict), TagRaces.FrameAndSlot()],
            Stage = stage,
        };
}
