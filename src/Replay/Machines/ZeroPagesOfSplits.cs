using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// Whether a recorded kernel put the zero page in the place of pages of a huge page that it split and found to be zero
/// (try_to_map_unused_to_zeropage).
/// </summary>
internal static class ZeroPagesOfSplits
{
    /// <summary>Whether any operation turned a page of a huge page into the zero page: nothing but a split does both at once.</summary>
    internal static bool Any(Trace recording)
    {
        for (int row = 1; row < recording.Rows.Count; row++)
        {
            for (int process = 0; process < ScriptOperation.ProcessCount; process++)
            {
                if (recording.Rows[row - 1].ProcessOf(process) is { } before && recording.Rows[row].ProcessOf(process) is { } after
                    && after.Pages.Any(page => IsZeroPage(page) && before.Pages.Any(huge => IsOfHugePage(huge) && Overlap(huge, page))))
                    return true;
            }
        }

        return false;
    }

    private static bool IsZeroPage(PageRun run) =>
        run.Kind == PageKind.Present && (run.Core & (CoreFlags.ZeroPage | CoreFlags.Huge)) == CoreFlags.ZeroPage;

    private static bool IsOfHugePage(PageRun run) =>
        run.Kind == PageKind.Present && (run.Core & (CoreFlags.ZeroPage | CoreFlags.Huge)) == CoreFlags.Huge;

    private static bool Overlap(PageRun run, PageRun other) =>
        run.Region == other.Region && run.First <= other.Last && other.First <= run.Last;
}
