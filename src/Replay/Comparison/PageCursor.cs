using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Comparison;

/// <summary>Goes through the single pages of a list of runs.</summary>
internal struct PageCursor(List<PageRun> runs)
{
    private int index = -1;

    /// <summary>The run that holds the page.</summary>
    public PageRun Run { get; private set; }

    /// <summary>The page, counted from the region's start.</summary>
    public int Page { get; private set; }

    /// <summary>Identity of the page.</summary>
    public readonly long Identity => Run.IdentityOf(Page);

    /// <summary>Name of the page, such as A3.</summary>
    public readonly string Name => $"{Letters.OfRegion(Run.Region)}{Page}";

    /// <summary>Moves to the next page.</summary>
    public bool Next()
    {
        if (index >= 0 && index < runs.Count && Page < Run.Last)
        {
            Page++;
            return true;
        }

        if (++index >= runs.Count)
            return false;
        Run = runs[index];
        Page = Run.First;
        return true;
    }
}
