namespace PageTableEmu.Reclaim.Migration;

/// <summary>What became of the pages of a range; a huge page that moved as a whole counts with all its base pages.</summary>
/// <seealso cref="RangeMigration{TArch, TModel}"/>
public record struct MigrationCounts
{
    /// <summary>Pages that are in new frames.</summary>
    public uint Moved { get; set; }

    /// <summary>Places without a page: nothing, in swap, or the zero page.</summary>
    public uint NotPresent { get; set; }

    /// <summary>Pages that may be pinned.</summary>
    public uint Pinned { get; set; }

    /// <summary>Pages that others use or keep locked.</summary>
    public uint InUse { get; set; }

    /// <summary>Pages for which there was no frame.</summary>
    public uint NoMemory { get; set; }

    /// <summary>Pages that stayed where they are.</summary>
    public readonly uint Failed => Pinned + InUse + NoMemory;

    /// <summary>Counts pages that all had one result.</summary>
    public void Add(MigrationResult result, uint pages)
    {
        switch (result)
        {
            case MigrationResult.Moved:
                Moved += pages;
                break;
            case MigrationResult.NotPresent or MigrationResult.NotMovable:
                NotPresent += pages;
                break;
            case MigrationResult.Pinned:
                Pinned += pages;
                break;
            case MigrationResult.NoMemory:
                NoMemory += pages;
                break;
            default:
                InUse += pages;
                break;
        }
    }
}
