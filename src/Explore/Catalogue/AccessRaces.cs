using PageTableEmu.Explore.Catalogue.Stages;

namespace PageTableEmu.Explore.Catalogue;

/// <summary>Races of forced writes, of pins that others part from their entry, and of pages that move to other addresses.</summary>
internal static class AccessRaces
{
    private const string Changed = "A file that a process may only read is changed by it.";
    private const string LostRead = "An O_DIRECT read returns, and the memory holds what it held before.";

    internal static IReadOnlyList<RaceEntry> All { get; } =
        [DirtyCow(), DirtyEntry(), HugeZeroPage(), ClearedRefs(), WeakShare(), ZappedFrame(), StoreDuringMove(), MoveComesAndGoes(), MoveChanges()];

    private static RaceEntry DirtyCow() => new()
    {
        Name = "COW-H01",
        Title = "A forced write finds the file's page, because its copy was dropped (Dirty COW, CVE-2016-5195)",
        Upstream = "19be0eaffa3a, Linux 4.9",
        Symptom = Changed,
        Invariants = ["G1"],
        Narrative =
        [
            ("G", "a forced write to a read-only private mapping: the fault makes a copy; from then on it is looked for as for a load; is stopped"),
            ("Z", "MADV_DONTNEED drops the copy"),
            ("G", "finds nothing, maps the page of the file as for a load, and writes it"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.ForcedWriteDropsWrite>("drops-write", RaceVerdict.Before, "after the fault the write is forgotten"),
            RaceModel.Of<RaceModels.ForcedWriteNeedsDirty>(
                "linux-4.9", RaceVerdict.After, "after the fault the entry must be dirty, as the copy's is"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new AccessStages.ForcedWrite(continues: false),
    };

    private static RaceEntry DirtyEntry() => new()
    {
        Name = "COW-H02",
        Title = "A forced write takes a dirty entry for its copy's (CVE-2022-2590)",
        Upstream = "5535be309971, Linux 6.0",
        Symptom = Changed,
        Invariants = ["G1"],
        Narrative =
        [
            ("G", "a forced write to a read-only private mapping: the fault makes a copy; is stopped"),
            ("Z", "drops the copy, and has userfaultfd map the file's page (UFFDIO_CONTINUE): read-only, and dirty"),
            ("G", "finds a dirty entry, takes it for that of its copy, and writes"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.ForcedWriteNeedsDirty>("needs-dirty", RaceVerdict.Before, "after the fault the entry must be dirty"),
            RaceModel.Of<RaceModels.ForcedWriteDropsWrite>("drops-write", RaceVerdict.Before, "after the fault the write is forgotten"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new AccessStages.ForcedWrite(continues: true),
    };

    private static RaceEntry HugeZeroPage() => new()
    {
        Name = "COW-H03",
        Title = "A forced write goes to the huge zero page, which was marked dirty by who only took it (CVE-2017-1000405)",
        Upstream = "a8f97366452e, Linux 4.15",
        Symptom = "Memory of all processes that was never written is not zero.",
        Invariants = ["G1"],
        Narrative =
        [
            ("G", "a forced write to read-only memory: the fault makes a huge page; is stopped"),
            ("Z", "drops it, loads, which maps the huge zero page, and takes a page of that to read it: the entry is dirty"),
            ("G", "finds a dirty entry, takes it for that of its huge page, and writes"),
        ],
        Preemptions = 1,
        QuickBound = 0, // an execution has 4,000 steps
        Models =
        [
            RaceModel.Of<RaceModels.TouchMakesDirty>("touch-dirties", RaceVerdict.Before, "who takes a page of a huge leaf marks the leaf dirty"),
            RaceModel.Of<RaceModels.ForcedWriteNeedsDirty>("linux-4.15", RaceVerdict.After, "only who takes it to write"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new AccessStages.ForcedWriteToZeros(),
    };

    private static RaceEntry ClearedRefs() => new()
    {
        Name = "COW-H07",
        Title = "A pinned page is made read-only to see who stores to it, and the next store parts it from the device",
        Upstream = "9348b73c2e1b, Linux 5.11; 6c287605fd56, Linux 5.19",
        Symptom = LostRead,
        Invariants = ["G1"],
        Narrative =
        [
            ("C", "clear_refs: the entry of the pinned page is read-only"),
            ("T", "stores: there are more references than the entry's, so a copy; the device writes to the old frame"),
        ],
        Preemptions = 0,
        Models =
        [
            RaceModel.Of<RaceModels.ClearRefsThenCopy>(
                "by-references", RaceVerdict.Before, "pinned pages too; a store reuses a page only if nobody else has a reference"),
            RaceModel.Of<RaceModels.ClearRefsSparesPinned>("linux-5.11", RaceVerdict.After, "clear_refs leaves pinned pages writable"),
            RaceModel.Of<RaceModels.ClearRefsOfPinned>(
                "reuses-exclusive", RaceVerdict.After, "clear_refs does not look; a store reuses exclusive pages"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new AccessStages.ClearedRefs(),
    };

    private static RaceEntry WeakShare() => new()
    {
        Name = "COW-H08",
        Title = "The cleared entry is still in the store buffer when a page is looked at for pins and given up as exclusive",
        Upstream = "088b8aa537c2, Linux 6.1",
        Symptom = LostRead,
        Invariants = ["G1"],
        Narrative =
        [
            ("M", "clears the entry, which stays in its store buffer; sees no pin, and is about to give up exclusiveness; is stopped"),
            ("G", "pins the page without locks: the entry is unchanged when it looks again; is about to fork, and waits for the table"),
            ("M", "gives up exclusiveness and puts a migration entry; is stopped"),
            ("G", "forks: a migration entry has no pins to be asked for; the page is shared"),
            ("M", "finds that somebody holds the page, and puts the entry back"),
            ("G", "stores beside: a copy; the device writes to the old frame"),
        ],
        Preemptions = 2,
        MemoryOrder = MemoryOrder.TotalStoreOrder,
        Models =
        [
            RaceModel.Of<RaceModels.NoUnmapFence>("no-fence", RaceVerdict.Before, "clearing the entry is an ordinary store"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new ControlStages.PinnedThenForked(migrates: true, clean: true),
    };

    private static RaceEntry ZappedFrame() => Control(
        "GUP-ZAP", "A page is let go of while it is taken without locks, and its frame is the only one that is free",
        "A device gets a page of another process.", new AccessStages.ZappedFrame(), bound: 2,
        ("G", "reads the entry; takes a reference; reads the entry again"),
        ("Z", "clears the entry, and only then lets go of the frame"),
        ("S", "another process gets the frame and stores"));

    private static RaceEntry StoreDuringMove() => Control(
        "COW-H13", "A page moves to another address and is let go of there while it is stored to (CVE-2018-18281)",
        "A store arrives in a frame that belongs to somebody else.", new AccessStages.StoreDuringMove(), bound: 2,
        ("V", "mremap moves the entry; in Linux the old one could be used from a TLB until it was flushed"),
        ("Z", "lets the page go at its new address"),
        ("U", "stores to the old address: with the table locked, so there is nothing to be flushed here"));

    private static RaceEntry MoveComesAndGoes() => new()
    {
        Name = "SWAP-H08",
        OtherNames = ["COW-H17"],
        Title = "A page in swap is moved to another address while its folio comes into the swap cache",
        Upstream = "0ea148a79919, Linux 6.16",
        Symptom = "The reverse map does not find the page any more: it cannot be reclaimed, and the kernel stops.",
        Invariants = ["I19"],
        Narrative =
        [
            ("V", "UFFDIO_MOVE finds no folio of the slot in the swap cache; is stopped"),
            ("T", "the page comes in, and goes out to the same slot; its folio stays in the cache"),
            ("V", "finds the entry unchanged and moves it; the folio is not told of its new place"),
        ],
        Preemptions = 1,
        Models =
        [
            RaceModel.Of<RaceModels.MoveWithoutRecheckOrCopy>(
                "no-recheck", RaceVerdict.Before, "the slot is not looked at again with the tables locked; a kernel without same-page merging"),
            RaceModel.Of<RaceModels.MoveWithoutRecheck>(
                "no-recheck-ksm", RaceVerdict.Masks, "the same with same-page merging: a fault copies a folio of another place"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new MoveStages.ComesAndGoes(),
    };

    private static RaceEntry MoveChanges() => new()
    {
        Name = "SWAP-H08-other",
        Title = "A page in swap is moved to another address, and with it the folio of another page",
        Upstream = "0ea148a79919, Linux 6.16",
        Symptom = "The reverse map does not find another page any more.",
        Invariants = ["I19"],
        Narrative =
        [
            ("V", "UFFDIO_MOVE reads the entry; is stopped"),
            ("T1", "the page comes in; another one gets its slot"),
            ("V", "finds the other one's folio in the swap cache; is stopped before it locks it"),
            ("T2", "the other page comes in, and the first one goes out to the slot"),
            ("V", "finds the entry unchanged, and gives the folio that it holds a new place"),
        ],
        Preemptions = 2,
        Bound = 2,
        QuickBound = 1,
        Models =
        [
            RaceModel.Of<RaceModels.MoveUnverified>("unverified", RaceVerdict.Before, "the folio is not verified after it was locked"),
            .. RaceCatalogue.Linux618(),
        ],
        Stage = new MoveStages.Changes(),
    };

    private static RaceEntry Control(
        string name, string title, string symptom, IRaceStage stage, int bound, params (string Actor, string What)[] narrative) => new()
        {
            Name = name,
            Title = title,
            Upstream = "a control: right here under all rules",
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
