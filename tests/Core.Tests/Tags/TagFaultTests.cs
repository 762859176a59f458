using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Arm64.Mte;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>Each allocation of tag storage fails once, at every place: what was right without the failure is right with it.</summary>
public class TagFaultTests
{
    private delegate void Step<TArch, TFormat, TModel>(TagWorld<TArch, TFormat, TModel> w)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel;

    public static TheoryData<string, Backing> Sites
    {
        get
        {
            var sites = new TheoryData<string, Backing>();
            foreach (string site in Names)
            {
                sites.Add(site, Backing.Zram);
                sites.Add(site, Backing.Asynchronous);
            }

            return sites;
        }
    }

    private static IEnumerable<string> Names =>
        ["swap", "twice", "swapoff", "zap", "lazyfree", "fork", "exit", "move", "shared", "toggle", "pageout", "readahead", "pinned",
            "migrate", "migrateUndo",
            "migrateFork", "migrateZap", "migrateMove", "uffdMove", "memoryError"];

    [Theory]
    [MemberData(nameof(Sites))]
    public void Adi_EveryFailureAtEverySite_LosesAndLeaksNothing(string site, Backing backing) =>
        FailEverywhere<Sun4vM7<AdiFrameSlot>, AdiFormat>(site, backing);

    [Theory]
    [MemberData(nameof(Sites))]
    public void Mte_EveryFailureAtEverySite_LosesAndLeaksNothing(string site, Backing backing) =>
        FailEverywhere<Arm64FourLevel<MteFrameSlot>, MteFormat>(site, backing);

    /// <summary>What is wrong in Linux's store without any failure is as wrong with one, and no more.</summary>
    [Theory]
    [MemberData(nameof(Sites))]
    public void Linux_EveryFailureAtEverySite_BreaksNothingElse(string site, Backing backing)
    {
        var without = new HashSet<string>();
        long allocations = Run<Sun4vM7<AdiLinux>, AdiFormat, CheckedModel>(site, backing, 0, (w, _) => without.UnionWith(w.Broken()));
        Assert.Subset(new HashSet<string> { "T1", "T4" }, without);
        if (site == "move")
            without.Add("T1"); // pages after one whose range could not be had begin a range of their own, which a move then leaves
        for (int n = 1; n <= allocations; n++)
        {
            int failure = n;
            Run<Sun4vM7<AdiLinux>, AdiFormat, CheckedModel>(site, backing, n, (w, step) =>
                Assert.True(w.Broken().All(without.Contains), $"{site}, failure {failure}, {step}: {string.Join(", ", w.Broken())}"));
        }
    }

    [Fact]
    public void Legacy_EveryFailureOfASwapOut_LeaksAReference()
    {
        for (int n = 1; n <= 2; n++)
        {
            var broken = new HashSet<string>();
            Run<Sun4vM7<AdiLinux>, AdiFormat, AdiLegacy>("swap", Backing.Zram, n, (w, _) => broken.UnionWith(w.Broken()));
            Assert.Contains("I1", broken);
        }
    }

    private static void FailEverywhere<TArch, TFormat>(string site, Backing backing)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        long allocations = Run<TArch, TFormat, CheckedModel>(site, backing, 0, AssertRight);
        Assert.True(allocations > 0, $"{site} allocates nothing");
        for (int n = 1; n <= allocations; n++)
            Run<TArch, TFormat, CheckedModel>(site, backing, n, AssertRight);
    }

    private static void AssertRight<TArch, TFormat>(TagWorld<TArch, TFormat, CheckedModel> w, string step)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
    {
        w.AssertGhosts(step);
        w.AssertSound(step);
    }

    /// <summary>Runs a site's steps with a check after each; returns how often tag storage was asked for.</summary>
    private static long Run<TArch, TFormat, TModel>(string site, Backing backing, int failure, Action<TagWorld<TArch, TFormat, TModel>, string> check)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        using var w = new TagWorld<TArch, TFormat, TModel>(backing, pages: 8);
        for (uint page = 0; page < 4; page++)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + page);
        if (site == "shared")
        {
            w.MapShared(w.Process, 50, 2);
            w.Fill(w.Process, 50, 1, 6);
            w.Fill(w.Process, 51, 2, 7);
        }

        w.Storage.Faults.FailAllocation = failure;
        int number = 0;
        foreach (Step<TArch, TFormat, TModel> step in StepsOf<TArch, TFormat, TModel>(site))
        {
            step(w);
            check(w, $"{site} with failure {failure}, step {number++}");
        }

        w.Storage.Faults.FailAllocation = 0;
        if (!TArch.KeepsTagsByAddress)
            w.AssertSeen($"{site} with failure {failure}, at the end");
        check(w, $"{site} with failure {failure}, at the end");
        return w.Storage.Faults.Allocations;
    }

    private static IEnumerable<Step<TArch, TFormat, TModel>> StepsOf<TArch, TFormat, TModel>(string site)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        yield return static w => w.Machine.Reclaim(100);
        yield return static w => w.Machine.Settle();
        switch (site)
        {
            case "twice":
                yield return static w => w.Write(w.Process, 0, 9);
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "swapoff":
                yield return static w => Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
                yield return static w => w.SwapOn();
                break;
            case "zap":
                yield return static w => w.DontNeed(w.Process, 0, 2);
                yield return static w => w.Fill(w.Process, 1, 8, 3);
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "lazyfree":
                yield return FreeTwo;
                break;
            case "fork":
                yield return static w => w.Fork(w.Process);
                yield return static w => w.Write(w.Process, 0, 9);
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "exit":
                yield return static w => w.Fork(w.Process);
                yield return static w => w.Exit(w.Process);
                break;
            case "move":
                yield return static w => w.Move(w.Process, 0, 100, 3);
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "toggle":
                yield return static w => Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: false));
                yield return static w => w.TryRead(w.Process, 0, 0, out _);
                yield return static w => Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: true));
                break;
            case "pageout":
                yield return static w => w.Write(w.Process, 2, 7);
                yield return static w => Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.PageOut));
                break;
            case "readahead":
                yield return static w => Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.WillNeed));
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "pinned":
                yield return static w => w.Write(w.Process, 3, 7);
                yield return static w => w.UnmapByHand(w.Process, 3, pinned: true);
                yield return static w => w.Machine.ReclaimAll();
                break;
            default:
                foreach (Step<TArch, TFormat, TModel> step in StepsOfMoves<TArch, TFormat, TModel>(site))
                    yield return step;
                yield return static w => w.Machine.ReclaimAll();
                break;
        }
    }

    private static IEnumerable<Step<TArch, TFormat, TModel>> StepsOfMoves<TArch, TFormat, TModel>(string site)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        if (site is "migrate" or "migrateUndo" or "migrateFork" or "migrateZap" or "migrateMove" or "memoryError")
        {
            yield return static w => w.Write(w.Process, 0, 7);
            yield return static w => w.Write(w.Process, 1, 8);
        }

        switch (site)
        {
            case "migrate":
                yield return static w => w.Migrate(w.Process, 0, 4);
                yield return static w => w.Migrate(w.Process, 0, 2);
                break;
            case "migrateUndo":
                yield return static w => Moving(w, _ => { }, undo: true);
                break;
            case "migrateFork":
                yield return static w => Moving(w, w => w.Fork(w.Process), undo: false);
                break;
            case "migrateZap":
                yield return static w => Moving(w, w => w.DontNeed(w.Process, 0, 2), undo: false);
                break;
            case "migrateMove":
                yield return static w => Moving(w, w => w.Move(w.Process, 0, 100, 2), undo: false);
                break;
            case "uffdMove":
                yield return static w => w.MapForUserfault(w.Process, 3000, 8);
                yield return static w => Assert.Equal(MmResult.Ok, w.MoveByUserfault(w.Process, 0, 3000, 4));
                break;
            case "memoryError":
                yield return Fail;
                break;
            default:
                break;
        }
    }

    /// <summary>Something happens while migration entries stand in the place of page 1, if the page can be displaced.</summary>
    private static void Moving<TArch, TFormat, TModel>(
        TagWorld<TArch, TFormat, TModel> w, Action<TagWorld<TArch, TFormat, TModel>> meanwhile, bool undo)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        DisplacedFolio? displaced = w.TryBeginMigration(w.Process, 1);
        meanwhile(w);
        if (displaced is not { } folio)
            return;
        if (undo)
            w.UndoMigration(folio);
        else
            w.CompleteMigration(folio);
    }

    private static void Fail<TArch, TFormat, TModel>(TagWorld<TArch, TFormat, TModel> w)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        Assert.True(w.Is(w.Process, 1, out uint frame));
        w.Machine.MemoryFailure(frame);
        w.DontNeed(w.Process, 1, 1);
    }

    private static void FreeTwo<TArch, TFormat, TModel>(TagWorld<TArch, TFormat, TModel> w)
        where TArch : struct, IArchitecture
        where TFormat : struct, ITagFormat
        where TModel : struct, IModel
    {
        bool whole = w.IsSwapped(w.Process, 0) && w.IsSwapped(w.Process, 1); // a page that is still there is only marked
        Assert.Equal(MmResult.Ok, whole ? w.Advise(w.Process, 0, 2, Advice.Free) : w.Advise(w.Process, 0, 2, Advice.DontNeed));
        w.Forget(w.Process, 0, 2);
    }
}
