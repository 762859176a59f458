using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Explore.Catalogue.Stages;
using PageTableEmu.Mm;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Tags of large folios, of slots, of entries that move: what a provider gets wrong at its first try, and more that Linux does.</summary>
internal static class TagSlotRaces
{
    private const string None = "none up to Linux 7.3";
    private const string Mistake = "a mistake that a provider could make";

    internal static IReadOnlyList<RaceEntry> All { get; } =
    [
        Flawed<FlawedTags.NaiveCopy<MteFormat>>("S003-13", "A huge page moves to another block in one piece, its tags do not", 0,
            "naive-copy", "copies of pages are made without their tags", new TagFolioStages.HugeMigration(),
            RaceModel.Of<MteFrameSlot, ExploredModel>("frame-and-slot", RaceVerdict.After, "tags belong to frames and slots"),
            ("M", "puts one migration entry in the place of the huge page's, and copies all of its pages"),
            ("T", "loads: the new block has the tags of its former life")),
        ByAddress("S003-14", "A folio is split: tags are saved page by page, and nobody asks for them", TagRaces.Leaked, ["T1"],
            new TagFolioStages.Split(), RaceVerdict.Before,
            ("S", "saves the tags of all pages, as if they went to swap, and splits the folio, whose entries stand: what was saved stays"),
            ("G", "holds a page for a moment: the split fails, and what was saved stays too")),
        Flawed<FlawedTags.DataOnly<AdiFormat>>("S003-14d", "A page without data but with tags becomes the zero page when its folio is split", 0,
            "data-only", "pages are equal when their data is (ADI in Linux since 6.12)", new TagFolioStages.SplitWithZeros(), TagRaces.FrameAndSlot(),
            ("S", "splits the folio: a page whose data is all zero becomes the zero page, which has no tags")),
        Flawed<FlawedTags.NoValidFlag<AdiFormat>>("S003-19", "A restore overwrites tags that are newer", 1,
            "no-valid-flag", "a restore does not ask whether the frame has tags of its own", new TagSlotStages.NewerFrame(held: false),
            TagRaces.FrameAndSlot(),
            ("R", "unmaps a page whose slot keeps older tags; is stopped before it keeps the new ones"),
            ("T", "loads: the page comes back from the swap cache, with the older tags")),
        Flawed<FlawedTags.NoValidFlag<AdiFormat>>("S003-19b", "The same without a race: a device holds the page, so it is not written", 0,
            "no-valid-flag", "a restore does not ask whether the frame has tags of its own", new TagSlotStages.NewerFrame(held: true),
            TagRaces.FrameAndSlot(),
            ("R", "unmaps a page whose slot keeps older tags; somebody holds it, so it is not written"),
            ("T", "loads: the page comes back from the swap cache, with the older tags")),
        Flawed<FlawedTags.NoValidFlag<AdiFormat>>("S003-19c", "A control: two processes bring the same page back", 0,
            "no-valid-flag", "a restore does not ask whether the frame has tags of its own", new TagSlotStages.TwoProcesses(),
            TagRaces.FrameAndSlot(), RaceVerdict.Masks,
            ("C", "brings the page back, with its tags; to change them it would need a copy"),
            ("T", "brings it back once more: what is restored is what is there")),
        Flawed<FlawedTags.PrepareIgnoresValid<AdiFormat>>("S003-23", "A page that was read ahead and never mapped is written out again", 0,
            "prepare-ignores-valid", "what lies in the frame is kept, whether it is the page's or not", new TagSlotStages.ReadAheadAndWritten(),
            TagRaces.FrameAndSlot(),
            ("R", "writes the page, which nobody has given its tags yet, and keeps the leftovers of the frame in their place; drops it"),
            ("T", "loads: the page comes back with tags of nobody")),
        ByAddress("S003-02m", "A page is pinned while it moves: what was saved stays although the page does", TagRaces.Leaked, ["T1"],
            new TagSlotStages.PinDuringMigration(), RaceVerdict.Before,
            ("M", "unmaps the page and saves its tags; finds it pinned and puts the entry back, or moves it: what was saved stays"),
            ("G", "pins the page without locks")),
        ByAddress("S003-07b", "Entries of neighbouring pages in swap are dropped at once", TagRaces.Leaked, ["T1"],
            new TagSlotStages.ZapMany(Advice.DontNeed), RaceVerdict.Before,
            ("Z", "MADV_DONTNEED of all of them: the slots go, what was saved stays")),
        ByAddress("S003-07f", "Pages in swap are freed lazily: their entries are dropped", TagRaces.Leaked, ["T1"],
            new TagSlotStages.ZapMany(Advice.Free), RaceVerdict.Before,
            ("Z", "MADV_FREE: the slots go, what was saved stays")),
        ByAddress("S003-07g", "The next page at an address gets the tags of one that was dropped in swap", TagRaces.Lost, ["G2"],
            new TagSlotStages.ZapAndReuse(), RaceVerdict.Before,
            ("Z", "drops the page; another one goes to swap there while tags are not checked; when it comes back they are")),
        ByAddress("S003-11u", "A page in swap is moved by userfaultfd, its tags are not", TagRaces.Lost, ["G2", "T1"],
            new TagSlotStages.Moved(back: false), RaceVerdict.Before,
            ("V", "UFFDIO_MOVE, then a load: nothing is saved for the new address")),
        ByAddress("S003-11b", "A page in swap moves away and back again", "Nothing: the address is the old one again.", ["G2", "T1"],
            new TagSlotStages.Moved(back: true), RaceVerdict.Masks,
            ("V", "mremap, mremap back, then a load: what was saved for the address is there")),
    ];

    private static RaceEntry ByAddress(
        string name, string title, string symptom, IReadOnlyList<string> invariants, IRaceStage stage, RaceVerdict verdict,
        params (string Actor, string What)[] narrative) => new()
        {
            Name = name,
            Title = title,
            Upstream = None,
            Symptom = symptom,
            Invariants = invariants,
            Narrative = narrative,
            Preemptions = 0,
            Models = [TagRaces.ByAddress(verdict), TagRaces.FrameAndSlot()],
            Stage = stage,
        };

    private static RaceEntry Flawed<TTags>(
        string name, string title, int preemptions, string model, string rule, IRaceStage stage, RaceModel after,
        params (string Actor, string What)[] narrative)
        where TTags : struct, Paging.IPageTagProvider => Flawed<TTags>(
            name, title, preemptions, model, rule, stage, after, RaceVerdict.WrongFix, narrative);

    private static RaceEntry Flawed<TTags>(
        string name, string title, int preemptions, string model, string rule, IRaceStage stage, RaceModel after, RaceVerdict verdict,
        params (string Actor, string What)[] narrative)
        where TTags : struct, Paging.IPageTagProvider => new()
        {
            Name = name,
            OtherNames = name == "S003-14d" ? ["COW-H12"] : [],
            Title = title,
            Upstream = Mistake,
            Symptom = TagRaces.Lost,
            Invariants = ["G2", "T3"],
            Narrative = narrative,
            Preemptions = preemptions,
            QuickBound = stage is TagSlotStages.ReadAheadAndWritten ? 1 : 2, // reclaim of all: 1,700 accesses
            Models = [RaceModel.Of<TTags, ExploredModel>(model, verdict, rule), after],
            Stage = stage,
        };
}
