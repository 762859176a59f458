using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;
using PageTableEmu.Reclaim.Migration;
using PageTableEmu.Swap;
using PageTableEmu.Tags;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// The places of memory management where tags can be lost, leaked or restored too late, and for each the steps that lead there: what
/// <see cref="TagFaultTests"/> runs with every provider, under every model, with every allocation failing.
/// </summary>
internal static class TagSites<TArch, TFormat, TModel>
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
    where TModel : struct, Atomics.IModel
{
    private const int LargeOrder = 4;

    internal delegate void Step(TagWorld<TArch, TFormat, TModel> w);

    private static uint Span => TagWorld<TArch, TFormat, TModel>.Span;

    /// <summary>A machine with some tagged pages; those of places where folios are large have one, huge if need be.</summary>
    internal static TagWorld<TArch, TFormat, TModel> Start(string site, Backing backing)
    {
        bool large = TagSiteNames.Large.Contains(site);
        var w = new TagWorld<TArch, TFormat, TModel>(backing, BlocksFor(site), pages: large ? 0u : 8u);
        if (large)
            MapLarge(w, site);
        for (uint page = 0; page < 4; page++)
            w.Fill(w.Process, page, (byte)(page + 1), 5 + page);
        if (site == "shared")
        {
            w.MapShared(w.Process, 50, 2);
            w.Fill(w.Process, 50, 1, 6);
            w.Fill(w.Process, 51, 2, 7);
        }

        return w;
    }

    /// <summary>Blocks of the size of a huge page in RAM; 0 for a smaller one.</summary>
    private static uint BlocksFor(string site) => site switch
    {
        "splitHuge" or "migrateHuge" or "collapse" => 4,
        "large" or "splitLarge" or "migrateLarge" or "moveTable" => 1,
        _ => 0,
    };

    /// <summary>The steps of a place, the first of which are those of a swap-out except where something must be in memory.</summary>
    internal static IEnumerable<Step> Steps(string site)
    {
        if (!TagSiteNames.InMemory.Contains(site))
        {
            yield return static w => w.Machine.Reclaim(100);
            yield return static w => w.Machine.Settle();
        }

        IEnumerable<Step> steps = TagSiteNames.Moves.Contains(site) ? StepsOfMoves(site)
            : TagSiteNames.Large.Contains(site) ? StepsOfLarge(site)
            : StepsOf(site);
        foreach (Step step in steps)
            yield return step;
    }

    private static void MapLarge(TagWorld<TArch, TFormat, TModel> w, string site)
    {
        bool huge = site is "splitHuge" or "migrateHuge";
        if (site != "collapse")
        {
            w.Machine.FolioOrders.Set(FolioOrders<TArch, TModel>.Huge, huge ? FolioOrderPolicy.Always : FolioOrderPolicy.Never);
            w.Machine.FolioOrders.Set(LargeOrder, huge ? FolioOrderPolicy.Never : FolioOrderPolicy.Always);
        }

        w.Map(w.Process, 0, huge || site == "collapse" ? Span : 1u << LargeOrder);
    }

    private static IEnumerable<Step> StepsOf(string site)
    {
        switch (site)
        {
            case "twice":
                yield return static w => w.Write(w.Process, 0, 9);
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "readError":
                yield return static w => w.Machine.ReclaimAll(); // the asynchronous area keeps what it has just written in the cache
                yield return ReadWithAnError;
                yield return static w => w.Machine.ReclaimAll(); // and what it could not read
                break;
            case "swapoff":
                yield return static w => Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
                yield return static w => w.SwapOn();
                break;
            case "swapoffError":
                yield return static w => w.Machine.ReclaimAll();
                yield return static w => w.Mm.Swap.Faults.FailRead = 1;
                yield return SwapOffWithAnError;
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
            case "forkPresent":
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
            case "moveTable":
                yield return static w => w.Map(w.Process, 8, Span - 8);
                yield return static w => w.Move(w.Process, 0, 4 * Span, Span);
                break;
            case "copyElsewhere":
                yield return Merge;
                yield return static w => w.Machine.ReclaimAll();
                yield return Part;
                yield return static w => w.SeesItsTags(); // one folio for both: who comes second is given a copy
                break;
            case "toggle":
                yield return static w => Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: false));
                yield return static w => w.TryRead(w.Process, 0, 0, out _);
                yield return static w => Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: true));
                break;
            case "pageout":
                yield return static w => Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 4, Advice.PageOut));
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
                break;
        }
    }

    private static IEnumerable<Step> StepsOfMoves(string site)
    {
        if (site is not "uffdMove")
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
            case "migrateFails":
                yield return MigrateHeld;
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
                yield return MoveByUserfault;
                break;
            case "memoryError":
                yield return Fail;
                break;
            default:
                throw new ArgumentException($"There are no steps for {site}.", nameof(site));
        }

        yield return static w => w.Machine.ReclaimAll();
    }

    private static IEnumerable<Step> StepsOfLarge(string site)
    {
        switch (site)
        {
            case "large":
                yield return static w => w.Machine.ReclaimAll();
                break;
            case "migrateLarge" or "migrateHuge":
                yield return static w => w.Migrate(w.Process, 0, 1u << LargeOrder);
                break;
            case "splitLarge":
                yield return static w => TagHuge.TrySplitFolio(w);
                break;
            case "splitHuge":
                yield return static w => Assert.True(TagHuge.TrySplitFolio(w));
                break;
            case "collapse":
                yield return static w => Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, Span, Advice.Collapse));
                break;
            default:
                throw new ArgumentException($"There are no steps for {site}.", nameof(site));
        }
    }

    /// <summary>Something happens while migration entries stand in the place of page 1, if the page can be displaced.</summary>
    private static void Moving(TagWorld<TArch, TFormat, TModel> w, Action<TagWorld<TArch, TFormat, TModel>> meanwhile, bool undo)
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

    /// <summary>Somebody has a reference to page 1, so that the move fails when its entry has been replaced.</summary>
    private static void MigrateHeld(TagWorld<TArch, TFormat, TModel> w)
    {
        Assert.True(w.Is(w.Process, 1, out uint frame));
        w.Mm.Frames.Get(frame);
        Assert.Equal(1u, w.Migrate(w.Process, 1, 1).InUse);
        w.Mm.Folios.Put(frame);
    }

    private static void Fail(TagWorld<TArch, TFormat, TModel> w)
    {
        Assert.True(w.Is(w.Process, 1, out uint frame));
        w.Machine.MemoryFailure(frame);
        w.DontNeed(w.Process, 1, 1);
    }

    /// <summary>A page that was shared in vain, in a model that shares first, is not the process's own any more.</summary>
    private static void MoveByUserfault(TagWorld<TArch, TFormat, TModel> w)
    {
        MmResult result = w.MoveByUserfault(w.Process, 0, 3000, 4);
        Assert.True(result == MmResult.Ok || (TModel.SharesBeforeSave && result == MmResult.Busy), $"{result}");
    }

    /// <summary>Pages 0 and 1 become one, if pages with tags can; where that needs the check off, their tags stay.</summary>
    private static void Merge(TagWorld<TArch, TFormat, TModel> w)
    {
        w.Fill(w.Process, 0, 7, 5);
        w.Fill(w.Process, 1, 7, 5);
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: false));
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 2, Advice.Mergeable));
        w.Machine.Ksm.Scan(8);
        Assert.Equal(TFormat.NeverMergesTagged ? 0 : 2, w.Machine.Ksm.MergedItems(w.Process));
    }

    /// <summary>The mapping lets no pages be merged any more; those that are swapped out stay one.</summary>
    private static void Part(TagWorld<TArch, TFormat, TModel> w)
    {
        Assert.Equal(MmResult.Ok, w.Advise(w.Process, 0, 2, Advice.Unmergeable));
        Assert.Equal(MmResult.Ok, w.Protect(w.Process, 0, 2, tags: true));
    }

    private static void ReadWithAnError(TagWorld<TArch, TFormat, TModel> w)
    {
        bool away = w.IsSwapped(w.Process, 0);
        w.Mm.Swap.Faults.FailRead = 1;
        w.TryRead(w.Process, 0, 5, out _);
        w.Mm.Swap.Faults.FailRead = 0;
        Assert.Equal(away, w.IsSwapped(w.Process, 0));
    }

    /// <summary>The page that cannot be read is lost; which one it is depends on what is in swap.</summary>
    private static void SwapOffWithAnError(TagWorld<TArch, TFormat, TModel> w)
    {
        Assert.Equal(SwapResult.Ok, w.Machine.SwapOff(w.Area));
        w.Mm.Swap.Faults.FailRead = 0;
        for (uint page = 0; page < 4; page++)
        {
            if (!w.Is(w.Process, page, out _))
                w.Forget(w.Process, page, 1);
        }

        w.SwapOn();
    }

    private static void FreeTwo(TagWorld<TArch, TFormat, TModel> w)
    {
        bool whole = w.IsSwapped(w.Process, 0) && w.IsSwapped(w.Process, 1); // a page that is still there is only marked
        Assert.Equal(MmResult.Ok, whole ? w.Advise(w.Process, 0, 2, Advice.Free) : w.Advise(w.Process, 0, 2, Advice.DontNeed));
        w.Forget(w.Process, 0, 2);
    }
}
