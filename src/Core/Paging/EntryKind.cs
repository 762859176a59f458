namespace PageTableEmu.Paging;

/// <summary>What <see cref="EntryScan{TArch}"/> looks for among the entries of level 1.</summary>
public enum EntryKind
{
    /// <summary>Present in Linux's sense.</summary>
    Present,

    /// <summary>Present and accessed.</summary>
    Young,

    /// <summary>Neither present nor none: swap, migration, markers.</summary>
    NonPresent,
}
