namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>What else may differ without any influence on the outcome of a case.</summary>
/// <param name="Swap">How deep pages are swapped out.</param>
/// <param name="Reclaim">Whether reclaim takes all it can get between the steps of the test.</param>
/// <param name="LongTerm">Whether read-only pins are long-term.</param>
internal readonly record struct CowSetting(CowSwapState Swap, bool Reclaim, bool LongTerm)
{
    internal static IEnumerable<CowSetting> All =>
        from swap in Enum.GetValues<CowSwapState>()
        from reclaim in (bool[])[false, true]
        from longTerm in (bool[])[true, false]
        select new CowSetting(swap, reclaim, longTerm);

    /// <summary>
    /// The settings that differ for a test: only tests of read-only pins on anonymous memory have two kinds of pin, and a huge page is in swap
    /// or not, because it is written at once. Large folios get two settings for the time they take, but for the smallest.
    /// </summary>
    /// <param name="test">Name of the test.</param>
    /// <param name="order">log2 of the pages of the large folio under test, or 0.</param>
    internal static IEnumerable<CowSetting> For(string test, int order)
    {
        if (order > 3)
            return [new CowSetting(CowSwapState.Synchronous, false, true), new CowSetting(CowSwapState.Gone, true, true)];
        return All.Where(setting => setting.LongTerm || test.Contains(" pin on ", StringComparison.Ordinal));
    }
}
