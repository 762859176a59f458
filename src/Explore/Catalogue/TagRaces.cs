using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>What goes wrong when tags are kept by address, as Linux does for SPARC. Most of it needs no race.</summary>
internal static class TagRaces
{
    internal const string Lost = "A process cannot use its own memory any more: the tags that it set are gone, or are somebody else's.";
    internal const string Leaked = "Storage for tags is never freed, until pages cannot be swapped out any more.";

    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        FailingSave(), ShareFirst(), PinDuringUnmap(),
        SwapOff(), Migrate(), MigrateAndZap(), MigrateAndFork(), Zap(), Fork(), Move(), Toggle(), RestoreAfterMapping(), TwoRounds(),
    ];

    private static RaceEntry FailingSave() => new()
    {
        Name = "S003-01",
        Title = "The swap reference of an unmapping that could not save tags is never put",
        Upstream = "322842ea3c72, Linux 5.18",
        Symptom = "A slot is never freed, and swapoff never ends.",
        Invariants = ["I1", "T1"],
        Narrative =
        [
            ("R", "takes the swap reference; the tags cannot be saved for want of memory; puts the entry back, not the reference"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<AdiLinux, RaceModels.TagsLegacy>("keeps-reference", RaceVerdict.Before, "the reference is not put"),
            RaceModel.Of<AdiLinux, RaceModels.TagsNotUndone>("linux-5.18", RaceVerdict.After, "the reference is put"),
            FrameAndSlot(),
        ],
        Stage = new TagStages.FailingSave(),
    };

    private static RaceEntry ShareFirst() => new()
    {
        Name = "S003-02s",
        Title = "Sharing the page before its tags are saved is no repair",
        Upstream = "proposed, and wrong",
        Symptom = "A page is writable in a process and counts as shared: the next fork or pin gets it wrong.",
        Invariants = ["X1"],
        Narrative =
        [
            ("R", "gives up exclusiveness; the tags cannot be saved; puts the writable entry back"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<AdiLinux, RaceModels.TagsShareFirst>("share-first", RaceVerdict.WrongFix, "shared first, then saved"),
            RaceModel.Of<AdiLinux, ExploredModel>("save-first", RaceVerdict.After, "tags by address; saved first, undone when sharing fails"),
            FrameAndSlot(),
        ],
        Stage = new TagStages.FailingSave(),
    };

    private static RaceEntry PinDuringUnmap() => new()
    {
        Name = "S003-02",
        Title = "A pin comes after tags were saved: what was saved stays although the page does",
        Upstream = "none up to Linux 7.3: there is no arch_remap_one",
        Symptom = Leaked,
        Bound = 2,
        QuickBound = 1,
        Invariants = ["T1"],
        Narrative =
        [
            ("R", "clears the entry after a pin was taken that it did not see; saves the tags; cannot share the page; puts the entry back"),
            ("G", "pins the page without locks, between the first look for pins and the clearing of the entry"),
            ("D", "lets it go at last"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<AdiLinux, RaceModels.TagsNotUndone>("not-undone", RaceVerdict.Before, "what was saved stays"),
            RaceModel.Of<AdiLinux, ExploredModel>("undone", RaceVerdict.After, "tags by address, with the arch_remap_one that Linux lacks"),
            FrameAndSlot(),
        ],
        Stage = new TagStages.PinDuringUnmap(),
    };

    private static RaceEntry SwapOff() => new()
    {
        Name = "S003-03",
        OtherNames = ["COW-H16"],
        Title = "Swapoff brings a page back without its tags",
        Upstream = "none; the same for MTE was mended in Linux 6.12",
        Symptom = Lost,
        Invariants = ["G2", "T1"],
        Narrative =
        [
            ("O", "swapoff maps the page and asks nobody for its tags"),
            ("T", "loads: the frame has the tags of its former life"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.SwapOff(),
    };

    private static RaceEntry Migrate() => new()
    {
        Name = "S003-04",
        Title = "Migration saves tags that nobody will ask for",
        Upstream = "none up to Linux 7.3",
        Symptom = Leaked,
        Invariants = ["T1"],
        Narrative =
        [
            ("M", "unmaps the page and saves its tags, as for swap; the copy has tags of its own"),
            ("T", "loads: it has waited for the migration, and finds the page with its tags (S003-06)"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.Migrate(),
    };

    private static RaceEntry MigrateAndZap() => new()
    {
        Name = "S003-08",
        Title = "A migrating page is let go of: what was saved stays",
        Upstream = "none up to Linux 7.3",
        Symptom = Leaked,
        Invariants = ["T1"],
        Narrative =
        [
            ("M", "unmaps the page and saves its tags"),
            ("Z", "drops the migration entry"),
            ("M", "finds no entry to restore"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.MigrateAndZap(),
    };

    private static RaceEntry MigrateAndFork() => new()
    {
        Name = "S003-10",
        Title = "Fork copies a migration entry",
        Upstream = "none up to Linux 7.3",
        Symptom = Leaked,
        Invariants = ["T1"],
        Narrative =
        [
            ("M", "unmaps the page and saves its tags"),
            ("F", "forks: two entries wait for the page; the child has its tags, because they moved with the page"),
            ("M", "maps the page in both"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.MigrateAndFork(),
    };

    private static RaceEntry Zap() => new()
    {
        Name = "S003-07",
        Title = "A swap entry is dropped: the tags that were saved for its address stay",
        Upstream = "none up to Linux 7.3",
        Symptom = Leaked,
        Invariants = ["T1"],
        Narrative =
        [
            ("Z", "MADV_DONTNEED: the slot goes, what was saved stays; the next page there will get it"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.Zap(),
    };

    private static RaceEntry Fork() => new()
    {
        Name = "S003-09",
        Title = "The child of a fork does not get the tags of pages in swap",
        Upstream = "none up to Linux 7.3",
        Symptom = Lost,
        Invariants = ["G2", "T1"],
        Narrative =
        [
            ("C", "forks and loads in the child: nothing is saved for its address space"),
            ("P", "the parent loads: its restore repairs the frame that both share"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.Fork(),
    };

    private static RaceEntry Move() => new()
    {
        Name = "S003-11",
        Title = "A page in swap moves to another address, its tags do not",
        Upstream = "none up to Linux 7.3",
        Symptom = Lost,
        Invariants = ["G2", "T1"],
        Narrative =
        [
            ("V", "mremap, then a load: nothing is saved for the new address"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.Move(),
    };

    private static RaceEntry Toggle() => new()
    {
        Name = "S003-17",
        Title = "Tag checks are switched off while a page is in swap: what was saved is never asked for",
        Upstream = "none up to Linux 7.3",
        Symptom = Leaked,
        Invariants = ["T1"],
        Narrative =
        [
            ("T", "mprotect without PROT_ADI, then a load: the page comes back, the tags stay in the store"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.Toggle(),
    };

    private static RaceEntry RestoreAfterMapping() => new()
    {
        Name = "S003-18",
        Title = "Tags are restored after the entry can be used",
        Upstream = "none up to Linux 7.3",
        Symptom = Lost,
        Invariants = ["G2"],
        Narrative =
        [
            ("T", "brings the page in and makes its entry present; is stopped before it restores the tags"),
            ("U", "another processor walks the tables and loads: the frame still has the tags of its former life"),
        ],
        Preemptions = 1,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.Walk(),
    };

    private static RaceEntry TwoRounds() => new()
    {
        Name = "S003-21",
        Title = "The first range of an address space loses a buffer each time it is used again",
        Upstream = "none up to Linux 7.3",
        Symptom = Leaked,
        Invariants = ["T1"],
        Narrative =
        [
            ("T", "the page goes out and comes back, twice: the second time a buffer is allocated, and the first one forgotten"),
        ],
        Preemptions = 0,
        Models =
        [
            ByAddress(),
            FrameAndSlot(),
        ],
        Stage = new TagStages.TwoRounds(),
    };

    internal static RaceModel ByAddress(RaceVerdict verdict = RaceVerdict.Before) =>
        RaceModel.Of<AdiLinux, ExploredModel>("by-address", verdict, "tags in swap are kept by address, as Linux does for SPARC");

    internal static RaceModel FrameAndSlot() =>
        RaceModel.Of<AdiFrameSlot, ExploredModel>("frame-and-slot", RaceVerdict.After, "tags belong to frames and slots");
}
