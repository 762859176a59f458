using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>
/// What Linux's store gets wrong at each place of <see cref="TagSiteNames"/>: invariants that break (I1 slot counts, I15 a clean page whose slot
/// holds something else, T1 something saved that nobody can want, X1 writable and not exclusive), tags that are lost, a swapoff that never ends.
/// </summary>
internal static class AdiLinuxOutcomes
{
    internal const string Lost = "lost";
    internal const string Endless = "endless";

    /// <summary>Without any failure, in all models but as <see cref="Expected"/> says.</summary>
    private static readonly Dictionary<string, string> Always = new()
    {
        ["swap"] = "",
        ["twice"] = "",
        ["pageout"] = "",
        ["pinned"] = "",
        ["readahead"] = "",
        ["readError"] = "",
        ["swapoff"] = "T1 lost",
        ["swapoffError"] = "T1 lost",
        ["shared"] = Lost,
        ["zap"] = "T1",
        ["lazyfree"] = "T1",
        ["exit"] = Lost, // the child's: what the parent had saved went with the parent
        ["fork"] = Lost,
        ["forkPresent"] = "",
        ["copyElsewhere"] = Lost, // they were not saved, because the check was off
        ["move"] = Lost, // restored from bytes that nobody wrote, as often as was saved: the account balances by accident
        ["moveTable"] = "T1 lost",
        ["toggle"] = "T1 lost",
        ["uffdMove"] = "T1 lost",
        ["memoryError"] = "", // a page with an error is unmapped without a save
        ["migrate"] = "T1",
        ["migrateFails"] = "T1",
        ["migrateUndo"] = "T1",
        ["migrateFork"] = "T1",
        ["migrateZap"] = "T1",
        ["migrateMove"] = "T1",
        ["large"] = "T1", // reclaim splits it first, because sparc64 has no large folios in swap
        ["migrateLarge"] = "T1",
        ["migrateHuge"] = "T1",
        ["splitLarge"] = "T1",
        ["splitHuge"] = "", // tags of a frame stay where they are
        ["collapse"] = "",
    };

    /// <summary>Places whose pages are still in the swap cache, with their tags, when the device writes later.</summary>
    private static readonly HashSet<string> SavedByTheCache = ["swapoff", "shared", "exit", "moveTable", "toggle"];

    /// <summary>Places where what fails is no swap-out: the folio is not split, or does not move, and no swap reference is at stake.</summary>
    private static readonly HashSet<string> WithoutSwapReference = ["large", "migrateLarge", "migrateHuge", "splitLarge"];

    /// <summary>The documented outcome, in order of the alphabet.</summary>
    /// <param name="site">The place.</param>
    /// <param name="backing">The swap area.</param>
    /// <param name="fails">Whether an allocation of the store failed.</param>
    internal static string Expected<TModel>(string site, Backing backing, bool fails)
        where TModel : struct, IModel
    {
        var outcome = new SortedSet<string>(Always[site].Split(' ', StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal);
        if (backing == Backing.Asynchronous && SavedByTheCache.Contains(site))
            outcome.Remove(Lost);
        if (site == "pinned" && !TModel.UndoesSavedMetadata)
            outcome.Add("T1");
        if (fails)
            Fail<TModel>(site, outcome);
        return string.Join(' ', outcome);
    }

    private static void Fail<TModel>(string site, SortedSet<string> outcome)
        where TModel : struct, IModel
    {
        if (site == "splitLarge")
            outcome.Clear(); // nothing was split, so nothing was saved
        if (site == "move")
            outcome.Add("T1"); // pages after the one that stayed begin a range of their own, which the move leaves
        if (TModel.SharesBeforeSave && site == "pageout")
            outcome.Add("X1"); // other places try again, and then it goes
        if (TModel.SharesBeforeSave && site == "uffdMove")
            outcome.Clear(); // the page that lost its exclusiveness may not be moved
        if (TModel.PutsSlotReferenceWhenSaveFails || WithoutSwapReference.Contains(site))
            return;
        outcome.Add("I1");
        if (site == "migrateZap")
            outcome.Add("I15"); // the slot that nobody frees keeps the content of long ago
        if (!site.StartsWith("swapoff", StringComparison.Ordinal))
            return;
        outcome.Clear();
        outcome.UnionWith(["I1", Endless]);
    }
}
