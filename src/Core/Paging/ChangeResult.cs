namespace PageTableEmu.Paging;

/// <summary>What an attempt to unmap or to protect did.</summary>
/// <seealso cref="PageTable{TArch, TModel}"/>
public readonly struct ChangeResult
{
    /// <summary>The outcome.</summary>
    public ChangeStatus Status { get; init; }

    /// <summary>Base pages whose leaves were changed: a huge leaf counts all of its pages.</summary>
    public ulong Pages { get; init; }

    /// <summary>Non-present entries that were found in the range and left alone, because something owns them.</summary>
    public ulong Skipped { get; init; }

    /// <summary>Single page, or <see cref="ChangeStatus.LeafStraddles"/>: level of the entry.</summary>
    public int Level { get; init; }

    /// <summary>
    /// Single page: the entry as it was, with the accessed and dirty bits that it had to the end. LeafStraddles: the leaf in question.
    /// </summary>
    public Pte Entry { get; init; }
}
